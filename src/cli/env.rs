//! `turnpike env`: endpoint and credentials of the quickstart, for a shell or for Terraform.

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, ValueEnum};

use super::{default_data, output, quickstart};

/// Print endpoint and credentials of the quickstart, for a shell or for Terraform.
#[derive(Args)]
pub(super) struct Arguments {
    /// Directory of the quickstart.
    #[arg(long, env = "TURNPIKE_DATA", default_value_os_t = default_data())]
    data: PathBuf,
    /// What to print it for.
    #[arg(long, value_enum, default_value_t = Shell::Sh)]
    shell: Shell,
}

#[derive(Clone, Copy, ValueEnum)]
enum Shell {
    /// sh, bash, zsh
    Sh,
    /// fish
    Fish,
    /// PowerShell
    Powershell,
    /// A Terraform provider block
    Terraform,
}

pub(super) fn run(arguments: &Arguments) -> anyhow::Result<()> {
    let Some(left) = quickstart::read(&arguments.data)? else {
        bail!(
            "{} holds no quickstart; run `turnpike quickstart` first, or name its directory with --data",
            arguments.data.display()
        );
    };
    let variables = [
        ("AWS_ENDPOINT_URL_API_GATEWAY", &left.endpoint),
        ("AWS_ENDPOINT_URL_APIGATEWAYV2", &left.endpoint),
        ("AWS_ENDPOINT_URL_LAMBDA", &left.endpoint),
        ("AWS_ENDPOINT_URL_STS", &left.endpoint),
        // For the commands of ours.
        ("TURNPIKE_ADMIN_URL", &left.endpoint),
        ("AWS_ACCESS_KEY_ID", &left.access_key_id),
        ("AWS_SECRET_ACCESS_KEY", &left.secret_access_key),
        ("AWS_DEFAULT_REGION", &left.region),
    ];
    for (name, value) in variables {
        match arguments.shell {
            Shell::Sh => output::say(format!("export {name}='{value}'")),
            Shell::Fish => output::say(format!("set -gx {name} '{value}'")),
            Shell::Powershell => output::say(format!("$env:{name} = '{value}'")),
            Shell::Terraform => {}
        }
    }
    if let Shell::Terraform = arguments.shell {
        output::say(format!(
            "provider \"aws\" {{
  region                      = \"{}\"
  access_key                  = \"{}\"
  secret_key                  = \"{}\"
  skip_metadata_api_check     = true
  endpoints {{
    apigateway   = \"{endpoint}\"
    apigatewayv2 = \"{endpoint}\"
    lambda       = \"{endpoint}\"
    sts          = \"{endpoint}\"
  }}
}}",
            left.region,
            left.access_key_id,
            left.secret_access_key,
            endpoint = left.endpoint
        ));
    }
    Ok(())
}
