//! The shared files of AWS's tools, `~/.aws/config` and `~/.aws/credentials`: sections with settings.
//!
//! Source: "Format of the shared config and credentials files", AWS SDKs and Tools Reference Guide.

use std::collections::BTreeMap;

use super::environment::Section;

/// The profiles and services that the shared files describe. Values may be secrets: they are not shown.
#[derive(Default)]
pub(super) struct Profiles {
    profiles: BTreeMap<String, Section>,
    services: BTreeMap<String, Section>,
}

impl Profiles {
    /// Reads both files; what the second says of a profile counts more.
    pub(super) fn read(config: &str, credentials: &str) -> Self {
        let mut this = Self::default();
        for (name, section) in sections(config) {
            let (kind, name) = name.split_once(char::is_whitespace).unwrap_or(("", name));
            match (kind, name.trim()) {
                ("profile", name) => this.profiles.entry(name.to_owned()).or_default().extend(section),
                ("services", name) => this.services.entry(name.to_owned()).or_default().extend(section),
                ("", "default") => this.profiles.entry("default".to_owned()).or_default().extend(section),
                _ => {}
            }
        }
        for (name, section) in sections(credentials) {
            this.profiles.entry(name.to_owned()).or_default().extend(section);
        }
        this
    }

    /// A profile's settings.
    pub(super) fn profile(&self, name: &str) -> Option<&Section> {
        self.profiles.get(name)
    }

    /// What a profile's services say of one of them: `endpoint_url`.
    pub(super) fn service(&self, profile: &str, service: &str, setting: &str) -> Option<&str> {
        let services = self.profiles.get(profile)?.get("services")?;
        self.services.get(services)?.get(&format!("{service}.{setting}")).map(String::as_str)
    }
}

/// Names and settings of sections. What is indented below a setting is one of its own, with the other's name before it.
fn sections(text: &str) -> Vec<(&str, Section)> {
    let mut sections: Vec<(&str, Section)> = Vec::new();
    let mut above = String::new();
    for line in text.lines() {
        let is_indented = line.starts_with([' ', '\t']);
        let line = line.trim();
        if line.is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some((name, _)) = line.strip_prefix('[').filter(|_| !is_indented).and_then(|rest| rest.split_once(']')) {
            sections.push((name.trim(), Section::new()));
            continue;
        }
        let (Some((_, section)), Some((name, value))) = (sections.last_mut(), line.split_once('=')) else { continue };
        let name = name.trim().to_ascii_lowercase();
        // A comment may follow behind a space.
        let value = value.split(" #").next().unwrap_or_default().split(" ;").next().unwrap_or_default().trim();
        if is_indented && !above.is_empty() {
            section.insert(format!("{above}.{name}"), value.to_owned());
        } else {
            section.insert(name.clone(), value.to_owned());
            above = name;
        }
    }
    sections
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn profiles_are_read_from_both_files() {
        let config = "# mine\n[default]\nregion = eu-west-1 # near\n\n[profile other]\nROLE_ARN=arn:aws:iam::1:role/r\n\
                      services = local\ns3 =\n  addressing_style = path\n[services local]\ndynamodb =\n  endpoint_url = http://h:1\n\
                      sqs = \n\tendpoint_url=http://h:2\n[sso-session x]\nregion = y\nnonsense";
        let credentials = "[default]\naws_access_key_id = A\n[other]\naws_access_key_id=B";
        let profiles = Profiles::read(config, credentials);
        for (profile, setting, expected) in [
            ("default", "region", Some("eu-west-1")),
            ("default", "aws_access_key_id", Some("A")),
            ("other", "role_arn", Some("arn:aws:iam::1:role/r")),
            ("other", "aws_access_key_id", Some("B")),
            ("other", "s3.addressing_style", Some("path")),
            ("other", "region", None),
            ("none", "region", None),
        ] {
            let found = profiles.profile(profile).and_then(|section| section.get(setting)).map(String::as_str);
            assert_eq!(found, expected, "{profile} {setting}");
        }
        assert_eq!(profiles.service("other", "dynamodb", "endpoint_url"), Some("http://h:1"));
        assert_eq!(profiles.service("other", "sqs", "endpoint_url"), Some("http://h:2"));
        assert_eq!(profiles.service("default", "sqs", "endpoint_url"), None);
        assert!(Profiles::read("no section = here", "[unclosed").profile("default").is_none());
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(config: String, lines in "([a-z\\[\\] =#;\\n\t]{0,80})") {
            let _ = (Profiles::read(&config, &config), Profiles::read(&lines, &lines));
        }
    }
}
