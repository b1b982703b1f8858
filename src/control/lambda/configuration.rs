//! A function's configuration as a call gives it: what is there is checked, what is not there stays as it is.

use super::errors;
use crate::control::wire::{Error, Input, Violations};
use crate::functions::RUNTIMES;
use crate::model::arn;
use crate::model::function::{Logging, Version};

const ROLE: &str = r"arn:(aws[a-zA-Z-]*)?:iam::\d{12}:role/?[a-zA-Z_0-9+=,.@\-_/]+";
/// What has no meaning for a process on this machine: better refused than taken and not done.
const NOT_SERVED: &[&str] = &["Layers", "FileSystemConfigs"];

/// Changes a version as a call says.
pub(super) fn apply(body: &Input, version: &mut Version) -> Result<(), Error> {
    refuse_what_is_not_served(body)?;
    let mut violations = Violations::new();
    if let Some(role) = body.text("Role")? {
        violations.holds(
            is_role(&role),
            &role,
            "role",
            &format!("Member must satisfy regular expression pattern: {ROLE}"),
        );
        version.role = role;
    }
    if let Some(handler) = body.text("Handler")? {
        let fits = handler.chars().count() <= 128;
        violations.holds(fits, &handler, "handler", "Member must have length less than or equal to 128");
        let fits = !handler.is_empty() && !handler.contains(char::is_whitespace);
        violations.holds(fits, &handler, "handler", r"Member must satisfy regular expression pattern: [^\s]+");
        version.handler = handler;
    }
    if let Some(description) = body.text("Description")? {
        let fits = description.chars().count() <= 256;
        violations.holds(fits, &description, "description", "Member must have length less than or equal to 256");
        version.description = description;
    }
    if let Some(timeout) = body.integer("Timeout")? {
        bounded(&mut violations, timeout, "timeout", 1, 900);
        version.timeout = u32::try_from(timeout).unwrap_or_default();
    }
    if let Some(memory) = body.integer("MemorySize")? {
        bounded(&mut violations, memory, "memorySize", 128, 10_240);
        version.memory = u32::try_from(memory).unwrap_or_default();
    }
    if let Some(size) = body.object("EphemeralStorage")?.map(|storage| storage.integer("Size")).transpose()?.flatten() {
        bounded(&mut violations, size, "ephemeralStorage.size", 512, 10_240);
        version.ephemeral_storage = u32::try_from(size).unwrap_or_default();
    }
    if let Some(mode) = body.object("TracingConfig")?.map(|tracing| tracing.text("Mode")).transpose()?.flatten() {
        violations.one_of(&mode, "tracingConfig.mode", &["Active", "PassThrough"]);
        version.tracing = mode;
    }
    if let Some(logging) = body.object("LoggingConfig")? {
        version.logging = read_logging(&logging, &mut violations)?;
    }
    architectures(body, version, &mut violations)?;
    violations.check()?;
    if let Some(runtime) = body.text("Runtime")? {
        if !RUNTIMES.contains(&runtime.as_str()) {
            return Err(errors::invalid(format!(
                "Value {runtime} at 'runtime' failed to satisfy constraint: Member must satisfy enum value set: [{}] or be \
                 a valid ARN",
                RUNTIMES.join(", ")
            )));
        }
        version.runtime = runtime;
    }
    Ok(())
}

/// The architecture that code is made for; it comes with the code.
pub(super) fn architectures(body: &Input, version: &mut Version, violations: &mut Violations) -> Result<(), Error> {
    if let Some(architectures) = body.texts("Architectures")? {
        violations.each_of(&architectures, "architectures", &["x86_64", "arm64"]);
        let one = "Member must have length less than or equal to 1";
        violations.holds(architectures.len() <= 1, architectures.join(", "), "architectures", one);
        if let Some(architecture) = architectures.into_iter().next() {
            version.architecture = architecture;
        }
    }
    Ok(())
}

fn read_logging(given: &Input, violations: &mut Violations) -> Result<Logging, Error> {
    let format = given.text("LogFormat")?.unwrap_or_else(|| "Text".to_owned());
    violations.one_of(&format, "loggingConfig.logFormat", &["JSON", "Text"]);
    let application_level = given.text("ApplicationLogLevel")?;
    let system_level = given.text("SystemLogLevel")?;
    if let Some(level) = &application_level {
        let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL"];
        violations.one_of(level, "loggingConfig.applicationLogLevel", &levels);
    }
    if let Some(level) = &system_level {
        violations.one_of(level, "loggingConfig.systemLogLevel", &["DEBUG", "INFO", "WARN"]);
    }
    Ok(Logging { format, application_level, system_level, group: given.text("LogGroup")? })
}

fn refuse_what_is_not_served(body: &Input) -> Result<(), Error> {
    let has_any = |name: &str| Ok::<_, Error>(!body.objects(name).map_or(true, |items| items.is_empty()));
    for name in NOT_SERVED {
        let given =
            body.texts(name).map_or_else(|_| has_any(name), |items| Ok(items.is_some_and(|it| !it.is_empty())))?;
        if given {
            return Err(errors::invalid(format!(
                "{name} are not served here: put all that the function needs into ZipFile."
            )));
        }
    }
    let says = |object: &str, member: &str| {
        let given = body.object(object)?.map(|given| given.texts(member)).transpose()?.flatten();
        Ok::<_, Error>(given.is_some_and(|items| !items.is_empty()))
    };
    if says("VpcConfig", "SubnetIds")? || says("VpcConfig", "SecurityGroupIds")? {
        return Err(errors::invalid("VpcConfig is not served here: functions use the network of their machine."));
    }
    let letters = body.object("DeadLetterConfig")?.map(|given| given.text("TargetArn")).transpose()?.flatten();
    if letters.is_some_and(|target| !target.is_empty()) {
        return Err(errors::invalid(
            "DeadLetterConfig is not served here: events that fail for good are told in the log.",
        ));
    }
    if body.text("KMSKeyArn")?.is_some_and(|key| !key.is_empty()) {
        return Err(errors::invalid("KMSKeyArn is not served here: variables are sealed with the cluster's own key."));
    }
    if body.text("PackageType")?.is_some_and(|kind| kind != "Zip") || body.has("ImageConfig") {
        return Err(errors::invalid("Functions are not run from container images here: the package type is Zip."));
    }
    if body.text("CodeSigningConfigArn")?.is_some_and(|config| !config.is_empty()) {
        return Err(errors::invalid("CodeSigningConfigArn is not served here."));
    }
    let snapshots = body.object("SnapStart")?.map(|given| given.text("ApplyOn")).transpose()?.flatten();
    if snapshots.is_some_and(|apply| apply != "None") {
        return Err(errors::invalid("SnapStart is not served here."));
    }
    Ok(())
}

fn bounded(violations: &mut Violations, value: i64, position: &str, least: i64, most: i64) {
    let least_said = format!("Member must have value greater than or equal to {least}");
    violations.holds(value >= least, value, position, &least_said);
    let most_said = format!("Member must have value less than or equal to {most}");
    violations.holds(value <= most, value, position, &most_said);
}

fn is_role(text: &str) -> bool {
    let parts: Vec<&str> = text.splitn(6, ':').collect();
    let [_, _, "iam", "", account, resource] = parts.as_slice() else { return false };
    let name = resource.strip_prefix("role").map(|name| name.strip_prefix('/').unwrap_or(name));
    let named = |name: &str| {
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || b"_+=,.@-/".contains(&byte);
        !name.is_empty() && name.bytes().all(letter)
    };
    arn::well_formed(text)
        && account.len() == 12
        && account.bytes().all(|byte| byte.is_ascii_digit())
        && name.is_some_and(named)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_has_the_form_of_one() {
        for (text, expected) in [
            ("arn:aws:iam::123456789012:role/lambda", true),
            ("arn:aws:iam::123456789012:role/service-role/lambda-ex", true),
            ("arn:aws-cn:iam::123456789012:role/r", true),
            ("arn:aws:iam::123:role/r", false),
            ("arn:aws:iam::123456789012:user/u", false),
            ("arn:aws:iam::123456789012:role/", false),
            ("role", false),
        ] {
            assert_eq!(is_role(text), expected, "{text}");
        }
    }
}
