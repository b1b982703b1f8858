//! Access associations: CreateDomainNameAccessAssociation, GetDomainNameAccessAssociations, DeleteDomainNameAccessAssociation, RejectDomainNameAccessAssociation.

use super::tags::{self, Shown};
use super::{Target, domain_names};
use crate::catalog::{Documents, Edit, Stored, keys};
use crate::control::wire::{Answer, Error, Members, Page, Violations};
use crate::model::arn::{self, Taggable};
use crate::model::rest::AccessAssociation;

pub(super) const MISSING: &str = "Invalid domain name access association identifier specified";
/// There are at most so many.
const MAX_ASSOCIATIONS: u64 = 1000;
const MAX_SOURCE: usize = 64;

impl Target<'_> {
    pub(super) async fn create_domain_name_access_association(&self) -> Result<Answer, Error> {
        let kind = self.body.text("accessAssociationSourceType")?.unwrap_or_default();
        let mut violations = Violations::new();
        let position = "createDomainNameAccessAssociationInput.accessAssociationSourceType";
        violations.one_of(&kind, position, &["VPCE"]);
        violations.check()?;
        let domain = self.body.required("domainNameArn", "Domain name ARN must be specified")?;
        let label = private_label(&domain)?;
        let source = self.body.required("accessAssociationSource", "Access association source must be specified")?;
        if !is_endpoint(&source) {
            return Err(Error::bad_request(format!("Invalid VPC endpoint identifier specified: {source}")));
        }
        let (region, account) = (&self.control.settings.region, &self.control.settings.account);
        let association = AccessAssociation {
            arn: arn::access_association(region, account, &label, &source),
            domain_arn: arn::domain_name(region, account, &label),
            source,
            tags: super::tags(self.body)?,
        };
        let key = keys::access_association(&association.arn);
        self.control.catalog.read(|documents| {
            domain_names::find(documents, &label)?;
            if documents.exists(&key) {
                return Err(Error::conflict("Domain name access association already exists"));
            }
            if documents.count(&keys::access_associations()) >= MAX_ASSOCIATIONS {
                return Err(Error::limit_exceeded(format!(
                    "There may be at most {MAX_ASSOCIATIONS} domain name access associations"
                )));
            }
            Ok(())
        })?;
        let edit = Edit::new().create(&key, &association).require(&keys::domain_name(&label));
        self.control.catalog.commit(edit).await?;
        Ok(Answer::json(201, members(&association)))
    }

    pub(super) fn get_domain_name_access_associations(&self) -> Result<Answer, Error> {
        let page = Page::read(self.call)?;
        if self.owner_is_another()? {
            return Ok(Answer::list(Vec::new(), None));
        }
        let found = self.control.catalog.read(|documents| documents.list(&keys::access_associations()))?;
        let mut found: Vec<AccessAssociation> = found.into_iter().map(|found| found.value).collect();
        // In a key a slash is written otherwise, so that the order of keys is another.
        found.sort_by(|one, other| one.arn.cmp(&other.arn));
        let (found, position) = page.take(found, |association| &association.arn);
        Ok(Answer::list(found.iter().map(|association| members(association).into()).collect(), position))
    }

    pub(super) async fn delete_domain_name_access_association(&self, arn: &str) -> Result<Answer, Error> {
        let found = self.control.catalog.read(|documents| find(documents, arn))?;
        self.control.catalog.commit(Edit::new().delete(&keys::access_association(arn), &found)).await?;
        Ok(Answer::empty(202))
    }

    /// Whoever owns the domain name ends an association that another account made; here both are one.
    pub(super) async fn reject_domain_name_access_association(&self) -> Result<Answer, Error> {
        let required = |name: &str, missing: &str| {
            let value = self.call.parameter(name).filter(|value| !value.is_empty());
            value.ok_or_else(|| Error::bad_request(missing))
        };
        let arn = required("domainNameAccessAssociationArn", "Domain name access association ARN must be specified")?;
        let domain = required("domainNameArn", "Domain name ARN must be specified")?;
        let label = private_label(&domain)?;
        let found = self.control.catalog.read(|documents| {
            domain_names::find(documents, &label)?;
            find(documents, &arn)
        })?;
        if !is_of(&found.value, &label) {
            return Err(Error::not_found(MISSING));
        }
        self.control.catalog.commit(Edit::new().delete(&keys::access_association(&arn), &found)).await?;
        Ok(Answer::empty(202))
    }
}

/// Ends all associations of a domain name that is deleted.
pub(super) fn release(documents: &Documents<'_>, label: &str, edit: Edit) -> Result<Edit, Error> {
    let all = keys::access_associations();
    let found = documents.list(&all)?;
    let ended = found.iter().map(|found| &found.value).filter(|association| is_of(association, label));
    Ok(ended.fold(edit.unchanged(documents, &all), |edit, association| {
        edit.discard(&keys::access_association(&association.arn))
    }))
}

fn find(documents: &Documents<'_>, arn: &str) -> Result<Stored<AccessAssociation>, Error> {
    documents.get(&keys::access_association(arn))?.ok_or_else(|| Error::not_found(MISSING))
}

fn is_of(association: &AccessAssociation, label: &str) -> bool {
    Taggable::parse(&association.domain_arn) == Some(Taggable::DomainName(label.to_owned()))
}

/// The label of the private domain name that an ARN names.
fn private_label(text: &str) -> Result<String, Error> {
    match Taggable::parse(text) {
        Some(Taggable::DomainName(label)) if label.contains('+') => Ok(label),
        Some(Taggable::DomainName(_)) => {
            Err(Error::bad_request("Domain name access associations are for private domain names only."))
        }
        _ => Err(Error::bad_request("Invalid ARN specified in the request")),
    }
}

/// Whether a text is the id of a VPC endpoint.
fn is_endpoint(text: &str) -> bool {
    let id = text.strip_prefix("vpce-").unwrap_or_default();
    (1..=MAX_SOURCE).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

fn members(association: &AccessAssociation) -> Members {
    let members = Members::new()
        .set("domainNameAccessAssociationArn", association.arn.as_str())
        .set("domainNameArn", association.domain_arn.as_str())
        .set("accessAssociationSourceType", "VPCE")
        .set("accessAssociationSource", association.source.as_str());
    tags::show(members, &association.tags, Shown::UnlessEmpty)
}
