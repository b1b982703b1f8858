//! Functions: CreateFunction, GetFunction, GetFunctionConfiguration, ListFunctions, DeleteFunction.

use serde_json::json;

use super::code::{self, Package};
use super::show::Shown;
use super::{Target, configuration, environment, errors, lists, revision, tags};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Violations};
use crate::functions::Reference;
use crate::model::function::{Code, Function, FunctionName, LATEST, Logging, Version};

/// There may be at most so many functions, versions, aliases and policies together.
const MAX_DOCUMENTS: u64 = 100_000;

impl Target<'_> {
    pub(super) async fn create_function(&self, package: Option<&Package>) -> Result<Answer, Error> {
        let named = self.body.text("FunctionName")?.unwrap_or_default();
        let mut violations = Violations::new();
        violations.present(!named.is_empty(), "functionName");
        violations.present(self.body.has("Role"), "role");
        violations.present(self.body.has("Code"), "code");
        violations.check()?;
        let name = self.functions.home().read(&named, None)?.name;
        let Some(Package(code)) = package else {
            return Err(errors::invalid("Please provide a source for function code."));
        };
        let mut latest = self.blank(code.clone());
        configuration::apply(self.body, &mut latest)?;
        if latest.runtime.is_empty() || latest.handler.is_empty() {
            return Err(errors::invalid(
                "Runtime and Handler are mandatory parameters for functions created with deployment packages.",
            ));
        }
        let variables = environment::read(self.body)?.unwrap_or_default();
        let tags = self.body.strings("Tags")?.unwrap_or_default();
        tags::check(&tags)?;
        self.control.catalog.read(|documents| {
            if documents.exists(&keys::function(&name)) {
                return Err(errors::conflict(format!("Function already exist: {name}")));
            }
            if documents.count(&keys::functions()) >= MAX_DOCUMENTS {
                return Err(errors::invalid("There are as many functions and versions as this cluster keeps."));
            }
            Ok(())
        })?;
        let edit = self.set_variables(Edit::new(), &name, &mut latest, &variables);
        let claim = keys::function_code_user(&code.sha256, &name, LATEST);
        let mut edit = edit.put(&claim, &name);
        let mut function =
            Function { name: name.clone(), latest, published: 0, reserved: None, runtime_updates: None, tags };
        let mut shown = function.latest.clone();
        if self.body.boolean("Publish")? == Some(true) {
            (edit, shown) = self.publish(edit, &mut function, None)?;
        }
        self.commit(edit.create(&keys::function(&name), &function)).await?;
        code::settle(&self.control.catalog, &code.sha256).await?;
        Ok(Answer::json(201, self.configuration(&name, &shown, None, Shown::Whole)?))
    }

    /// What a function is before it is configured.
    fn blank(&self, code: Code) -> Version {
        Version {
            number: None,
            revision_id: revision(),
            modified: self.now(),
            code,
            runtime: String::new(),
            handler: String::new(),
            role: String::new(),
            description: String::new(),
            timeout: 3,
            memory: 128,
            ephemeral_storage: 512,
            architecture: "x86_64".to_owned(),
            tracing: "PassThrough".to_owned(),
            logging: Logging { format: "Text".to_owned(), application_level: None, system_level: None, group: None },
            environment: None,
        }
    }

    pub(super) fn get_function(&self, text: &str) -> Result<Answer, Error> {
        let named = self.read(text)?;
        let (function, version) = self.control.catalog.read(|documents| self.find_version(documents, &named))?;
        let qualifier = named.qualifier.as_deref();
        let configuration = self.configuration(&named.name, &version, qualifier, Shown::Whole)?;
        let location = self.location(&named.name, &version.label());
        let code = Members::new().set("RepositoryType", "S3").some("Location", location);
        let reserved = function.value.reserved.map(|reserved| json!({"ReservedConcurrentExecutions": reserved}));
        let answer = Members::new()
            .set("Configuration", configuration)
            .set("Code", code)
            .unless_empty("Tags", json!(function.value.tags))
            .some("Concurrency", reserved);
        Ok(Answer::json(200, answer))
    }

    pub(super) fn get_function_configuration(&self, text: &str) -> Result<Answer, Error> {
        let named = self.read(text)?;
        let (_, version) = self.control.catalog.read(|documents| self.find_version(documents, &named))?;
        let qualifier = named.qualifier.as_deref();
        Ok(Answer::json(200, self.configuration(&named.name, &version, qualifier, Shown::Whole)?))
    }

    pub(super) fn list_functions(&self) -> Result<Answer, Error> {
        let page = lists::Page::read(self.call)?;
        let all_versions = match self.call.parameter("FunctionVersion").as_deref() {
            None => false,
            Some("ALL") => true,
            Some(other) => {
                let mut violations = Violations::new();
                violations.one_of(other, "functionVersion", &["ALL"]);
                violations.check()?;
                false
            }
        };
        let mut found = Vec::new();
        self.control.catalog.read(|documents| {
            for function in documents.list(&keys::functions())? {
                let name = function.value.name;
                found.push((name.clone(), function.value.latest));
                if all_versions {
                    let versions = documents.list(&keys::function_versions(&name))?;
                    found.extend(versions.into_iter().map(|version| (name.clone(), version.value)));
                }
            }
            Ok::<_, Error>(())
        })?;
        let position =
            |(name, version): &(FunctionName, Version)| format!("{name}:{:010}", version.number.unwrap_or(0));
        let (found, marker) = page.take(found, position);
        let show = |(name, version): &(FunctionName, Version)| match all_versions {
            true => self.listed(name, version),
            false => Ok(self.configuration(name, version, None, Shown::Listed)?.into()),
        };
        let shown = found.iter().map(show).collect::<Result<Vec<_>, Error>>()?;
        Ok(Answer::json(200, Members::new().some("NextMarker", marker).set("Functions", shown)))
    }

    pub(super) async fn delete_function(&self, text: &str) -> Result<Answer, Error> {
        let named = self.read(text)?;
        let name = &named.name;
        match named.qualifier.as_deref() {
            None => {}
            Some(LATEST) => {
                return Err(errors::invalid("$LATEST version cannot be deleted without deleting the function."));
            }
            Some(qualifier) => return self.delete_version(name, qualifier).await,
        }
        let (found, versions) = self.control.catalog.read(|documents| {
            let found = self.find(documents, name)?;
            Ok::<_, Error>((found, documents.list(&keys::function_versions(name))?))
        })?;
        let key = keys::function(name);
        let mut edit = Edit::new().delete(&key, &found).discard_below(&key);
        let mut codes = Vec::new();
        for version in versions.iter().map(|version| &version.value).chain([&found.value.latest]) {
            edit = edit.discard(&keys::function_code_user(&version.code.sha256, name, &version.label()));
            codes.push(version.code.sha256.clone());
        }
        self.commit(edit).await?;
        codes.sort();
        codes.dedup();
        for code in codes {
            code::settle(&self.control.catalog, &code).await?;
        }
        Ok(Answer::empty(204))
    }

    /// The version that a caller has named, by number, by alias, or not at all.
    pub(super) fn find_version(
        &self,
        documents: &Documents<'_>,
        named: &Reference,
    ) -> Result<(Stored<Function>, Version), Error> {
        let function = self.find(documents, &named.name)?;
        let unknown = || errors::no_function(&self.arn(&named.name, named.qualifier.as_deref()));
        let label = match named.qualifier.as_deref() {
            None => LATEST.to_owned(),
            Some(qualifier) if qualifier == LATEST || qualifier.parse::<u64>().is_ok() => qualifier.to_owned(),
            Some(alias) => documents.get(&keys::function_alias(&named.name, alias))?.ok_or_else(unknown)?.value.version,
        };
        let version = match label.parse() {
            Ok(number) => documents.get(&keys::function_version(&named.name, number))?.ok_or_else(unknown)?.value,
            Err(_) => function.value.latest.clone(),
        };
        Ok((function, version))
    }
}
