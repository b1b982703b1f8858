//! The types of SDKs: AWS's, in AWS's order, and then those that only this gateway generates.

use serde_json::Value;

use crate::control::sdk::Language;
use crate::control::wire::Members;

/// Where generated clients call the API, if not where this gateway says itself.
pub(super) const INVOKE_URL: &str = "invokeUrl";
/// What a generated package is called, if not after the API.
pub(super) const PACKAGE: &str = "packageName";

/// A type of SDK.
pub(super) struct SdkType {
    /// Its id.
    pub(super) id: &'static str,
    name: &'static str,
    description: &'static str,
    /// What callers of GetSdk can or must say.
    pub(super) properties: &'static [Property],
    /// The language, if clients in it are generated here.
    pub(super) language: Option<Language>,
}

/// Something that callers of GetSdk say.
pub(super) struct Property {
    /// Its name.
    pub(super) name: &'static str,
    /// Another name, from the documentation of GetSdk.
    alias: Option<&'static str>,
    friendly_name: &'static str,
    description: &'static str,
    /// Whether it must be said.
    pub(super) required: bool,
    default: Option<&'static str>,
}

/// All types.
pub(super) const ALL: &[SdkType] = &[
    SdkType { language: Some(Language::JavaScript), ..aws("javascript", "JavaScript", "JavaScript", &[]) },
    aws(
        "android",
        "Android",
        "Android",
        &[
            required("groupId", "Group ID", "The Maven group of the generated artifact"),
            required("invokerPackage", "Invoker package", "The package of the generated classes"),
            required("artifactId", "Artifact ID", "The Maven name of the generated artifact"),
            required("artifactVersion", "Artifact version", "The Maven version of the generated artifact"),
        ],
    ),
    aws("objectivec", "iOS (Objective-C)", "iOS (Objective-C)", &[CLASS_PREFIX]),
    aws("swift", "iOS (Swift)", "iOS (Swift)", &[CLASS_PREFIX]),
    aws(
        "java",
        "Java",
        "Java SDK generator for API Gateway APIs",
        &[
            Property {
                alias: Some("serviceName"),
                ..required("service.name", "Service Name", "The name of the generated client's interface")
            },
            Property {
                alias: Some("javaPackageName"),
                ..required("java.package-name", "Java Package Name", "The package of the generated classes")
            },
            optional("java.build-system", "Java Build System", "What builds the client: maven or gradle"),
            optional("java.group-id", "Java Group Id", "The Maven group of the generated artifact"),
            optional("java.artifact-id", "Java Artifact Id", "The Maven name of the generated artifact"),
            Property {
                default: Some("1.0-SNAPSHOT"),
                ..optional("java.artifact-version", "Java Artifact Version", "The Maven version of the artifact")
            },
            optional("java.license-text", "Source Code License Text", "A licence for the head of each source file"),
        ],
    ),
    aws(
        "ruby",
        "Ruby",
        "Ruby SDK generator for API Gateway APIs",
        &[
            required("service.name", "Service Name", "The name of the generated client's module"),
            optional("ruby.gem-name", "Ruby Gem Name", "The name of the generated gem"),
            Property {
                default: Some("1.0.0"),
                ..optional("ruby.gem-version", "Ruby Gem Version", "The version of the generated gem")
            },
        ],
    ),
    own(Language::TypeScript, "typescript", "TypeScript", "A TypeScript client in one file, without dependencies"),
    own(Language::Python, "python", "Python", "A Python package that needs only the standard library"),
    own(Language::Rust, "rust", "Rust", "A Rust crate"),
];

const CLASS_PREFIX: Property = required("classPrefix", "Prefix", "What the names of generated classes begin with");

const fn aws(
    id: &'static str,
    name: &'static str,
    description: &'static str,
    properties: &'static [Property],
) -> SdkType {
    SdkType { id, name, description, properties, language: None }
}

const fn own(language: Language, id: &'static str, name: &'static str, description: &'static str) -> SdkType {
    const PROPERTIES: &[Property] = &[
        optional(PACKAGE, "Package name", "The name of the generated package, by default after the API"),
        optional(INVOKE_URL, "Invoke URL", "Where the client calls the API, with the stage"),
    ];
    SdkType { id, name, description, properties: PROPERTIES, language: Some(language) }
}

const fn required(name: &'static str, friendly_name: &'static str, description: &'static str) -> Property {
    Property { name, alias: None, friendly_name, description, required: true, default: None }
}

const fn optional(name: &'static str, friendly_name: &'static str, description: &'static str) -> Property {
    Property { required: false, ..required(name, friendly_name, description) }
}

/// The type with this id.
pub(super) fn find(id: &str) -> Option<&'static SdkType> {
    ALL.iter().find(|kind| kind.id == id)
}

impl SdkType {
    /// As it is answered.
    pub(super) fn members(&self) -> Members {
        let properties: Vec<Value> = self.properties.iter().map(|property| property.members().into()).collect();
        Members::new()
            .set("id", self.id)
            .set("friendlyName", self.name)
            .set("description", self.description)
            .set("configurationProperties", properties)
    }
}

impl Property {
    /// All its names.
    pub(super) fn names(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.name).chain(self.alias)
    }

    fn members(&self) -> Members {
        Members::new()
            .set("name", self.name)
            .set("friendlyName", self.friendly_name)
            .set("description", self.description)
            .set("required", self.required)
            .some("defaultValue", self.default)
    }
}
