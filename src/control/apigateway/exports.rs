//! Exports: GetExport, and the page that shows an export to people.

use super::Target;
use crate::catalog::keys;
use crate::control::Control;
use crate::control::openapi::export::{
    self, Dialect, Documentation, Extensions, Options, Problem, Subject, document, json, yaml,
};
use crate::control::openapi::page;
use crate::control::wire::{Answer, Call, Error, Input};
use crate::model::id::{ApiId, StageName};
use crate::model::rest::Snapshot;

/// In which language a document is written down.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Notation {
    Json,
    Yaml,
}

impl Control {
    /// A stage's documentation, for people. Who calls was asked before.
    pub async fn documentation_page(&self, call: &Call, api: &ApiId, stage: &StageName) -> Result<Answer, Error> {
        self.catalog.fresh().await?;
        let body = Input::default();
        let (snapshot, documentation) = Target { control: self, call, body: &body }.exported(api, stage)?;
        // People read what there is, of a version or not; AWS's exports have a version's texts alone.
        let documentation = match documentation {
            Some(documentation) => documentation,
            None => self.documentation_now(api)?,
        };
        let options = Options { dialect: Dialect::OpenApi, extensions: Extensions::default() };
        let subject = Subject { snapshot: &snapshot, stage, documentation: &documentation, region: self.region() };
        let page = page::render(&document(&subject, options)?, &format!("/_aws/execute-api/{api}/{stage}"));
        Ok(Answer {
            status: 200,
            content_type: "text/html; charset=utf-8",
            body: page.into(),
            headers: page::headers(),
        })
    }

    fn documentation_now(&self, api: &ApiId) -> Result<Documentation, Error> {
        let found = self.catalog.read(|documents| documents.list(&keys::documentation_parts(api)))?;
        let parts: Vec<_> = found.into_iter().map(|found| found.value).collect();
        Ok(Documentation::now(&parts))
    }

    fn region(&self) -> &str {
        &self.settings.region
    }
}

impl Target<'_> {
    pub(super) fn get_export(&self, api: &ApiId, stage: &StageName, export_type: &str) -> Result<Answer, Error> {
        let (snapshot, documentation) = self.exported(api, stage)?;
        let documentation = documentation.unwrap_or_default();
        let dialect = Dialect::parse(export_type)
            .ok_or_else(|| Error::bad_request(format!("No API exporter for type '{export_type}'")))?;
        let extensions = Extensions::parse(&self.call.parameters("extensions").join(","))
            .map_err(|unknown| Error::bad_request(format!("Invalid extensions specified: {unknown}")))?;
        let notation = notation(self.call.header("accept").unwrap_or_default())?;
        let region = self.control.region();
        let subject = Subject { snapshot: &snapshot, stage, documentation: &documentation, region };
        let document = document(&subject, Options { dialect, extensions })?;
        let (text, ending) = match notation {
            Notation::Json => (json::print(&document), "json"),
            Notation::Yaml => (yaml::print(&document), "yaml"),
        };
        let name = file_name(dialect, &export::version(&snapshot), ending);
        let disposition = ("content-disposition", format!("attachment; filename=\"{name}\""));
        let content_type = "application/octet-stream";
        Ok(Answer { status: 200, content_type, body: text.into(), headers: vec![disposition] })
    }

    /// What a stage serves, and the version of its documentation if it has one, as of one commit.
    fn exported(&self, api: &ApiId, name: &StageName) -> Result<(Snapshot, Option<Documentation>), Error> {
        let (snapshot, version) = self.control.catalog.read(|documents| {
            let stage = self.find_stage(documents, api, name)?.value;
            let snapshot = documents.pick(&keys::snapshot(api, &stage.deployment));
            let version = stage.documentation_version;
            let version = version.and_then(|version| documents.pick(&keys::documentation_version(api, &version)));
            Ok::<_, Error>((snapshot, version))
        })?;
        let snapshot = snapshot.ok_or_else(|| Error::not_found("Invalid Deployment identifier specified"))?.read()?;
        let documentation = version.map(|version| version.read()).transpose()?;
        Ok((snapshot, documentation.as_ref().map(Documentation::of)))
    }
}

impl From<Problem> for Error {
    fn from(problem: Problem) -> Self {
        Self::bad_request(problem.to_string())
    }
}

/// The first notation that a caller accepts; JSON for those who don't say.
fn notation(accept: &str) -> Result<Notation, Error> {
    let types = accept.split(',').map(|media| media.split(';').next().unwrap_or_default().trim().to_ascii_lowercase());
    let mut known = types.filter_map(|media| match media.as_str() {
        "" | "*/*" | "application/*" | "application/json" | "application/hal+json" => Some(Notation::Json),
        "application/yaml" | "application/x-yaml" => Some(Notation::Yaml),
        _ => None,
    });
    known.next().ok_or_else(|| {
        Error::bad_request(format!(
            "Invalid accept header {accept}. Must be one of: [application/json, application/yaml]"
        ))
    })
}

/// The name of the file that clients write; a version may be any text, a header's value may not.
fn file_name(dialect: Dialect, version: &str, ending: &str) -> String {
    let plain = |letter: char| if letter.is_ascii_alphanumeric() || "._-:+ ".contains(letter) { letter } else { '_' };
    let version: String = version.chars().map(plain).collect();
    format!("{}_{version}.{ending}", dialect.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_caller_says_which_notation() {
        for (accept, expected) in [
            ("", Some(Notation::Json)),
            ("application/json", Some(Notation::Json)),
            ("*/*", Some(Notation::Json)),
            ("application/yaml", Some(Notation::Yaml)),
            ("text/html, Application/YAML;q=0.5, */*", Some(Notation::Yaml)),
            ("text/html", None),
        ] {
            assert_eq!(notation(accept).ok(), expected, "{accept}");
        }
    }

    #[test]
    fn a_version_is_no_header() {
        assert_eq!(file_name(Dialect::Swagger, "1.0\"\r\né", "json"), "swagger_1.0____.json");
    }
}
