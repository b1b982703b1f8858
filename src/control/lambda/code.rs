//! Packages: taken in with a function, kept as blobs of the cluster, and let go when no version uses them.

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use bytes::Bytes;
use turnpike_cluster::BlobId;

use super::operations::Operation;
use super::{Target, errors};
use crate::catalog::{Catalog, Stored, keys};
use crate::control::wire::{Answer, Error};
use crate::control::{Authentication, Control};
use crate::functions::archive;
use crate::identity::sigv4;
use crate::model::function::{Code, FunctionName, LATEST};

/// A package has at most so many bytes: AWS's 50 MB.
const MAX_PACKAGE: usize = 52_428_800;
/// A package can be read by its URL for so many seconds: AWS's ten minutes.
const READABLE_SECONDS: i64 = 600;
/// Of what is kept and what is used one follows the other within so many looks.
const LOOKS: u32 = 5;

/// A package that was checked and is kept.
pub(super) struct Package(pub(super) Code);

impl Target<'_> {
    /// Takes the package of a call in.
    pub(super) async fn package(&self, operation: Operation) -> Result<Option<Package>, Error> {
        let source = match operation {
            Operation::CreateFunction => self.body.object("Code")?,
            _ => None,
        };
        let source = source.as_ref().unwrap_or(self.body);
        if source.has("S3Bucket") || source.has("S3Key") {
            return Err(errors::invalid(
                "Code is taken as ZipFile here: this node reads no packages from S3. Fetch the object and upload its bytes.",
            ));
        }
        if source.has("ImageUri") {
            return Err(errors::invalid("Code is taken as ZipFile here: functions are not run from container images."));
        }
        let Some(bytes) = source.blob("ZipFile")? else { return Ok(None) };
        if bytes.len() > MAX_PACKAGE {
            return Err(errors::invalid(format!("Zipped size must be smaller than {MAX_PACKAGE} bytes")));
        }
        let bytes = Bytes::from(bytes);
        let checked = bytes.clone();
        let check = move || archive::check(std::io::Cursor::new(&checked), checked.len() as u64);
        let checked = tokio::task::spawn_blocking(check).await.map_err(|_| Error::internal())?;
        checked.map_err(|error| errors::invalid(error.to_string()))?;
        // That it is enough of a package to be kept says nothing of a call that is only tried.
        if operation == Operation::UpdateFunctionCode && self.body.boolean("DryRun")? == Some(true) {
            let sha256 = sigv4::hex_sha256(&bytes);
            return Ok(Some(Package(Code { sha256, size: bytes.len() as u64 })));
        }
        let size = bytes.len() as u64;
        let id = self.control.catalog.keep_blob(bytes).await.map_err(|error| errors::not_kept(&error))?;
        Ok(Some(Package(Code { sha256: id.to_string(), size })))
    }

    /// Where a package can be had for ten minutes.
    pub(super) fn location(&self, name: &FunctionName, label: &str) -> Option<String> {
        let host = self.call.header("host")?;
        let path = format!("/_turnpike/functions/{name}/code/{}", label.replace('$', "%24"));
        Some(self.control.readable(host, &path))
    }
}

impl Control {
    /// The URL of something of this node's that whoever has it may read for ten minutes.
    fn readable(&self, host: &str, path: &str) -> String {
        let Authentication::Root(root) = &self.settings.authentication else { return format!("http://{host}{path}") };
        let headers = [("host", host)];
        let request = sigv4::Request { method: "GET", path, query: "", headers: &headers, body: b"" };
        let (service, region) = (sigv4::Service::API_GATEWAY.name, &self.settings.region);
        let query = sigv4::presign(&request, root, region, service, self.clock.seconds(), READABLE_SECONDS);
        format!("http://{host}{path}?{query}")
    }

    /// The package of a version, as a file.
    pub async fn package(&self, name: &str, label: &str) -> Result<Answer, Error> {
        self.catalog.fresh().await?;
        let name = FunctionName::new(name);
        let code = self.catalog.read(|documents| {
            let version = match label.parse() {
                Ok(number) => documents.get(&keys::function_version(&name, number))?,
                Err(_) => documents
                    .get(&keys::function(&name))?
                    .filter(|_| label == LATEST)
                    .map(|found| Stored { revision: found.revision, value: found.value.latest }),
            };
            Ok::<_, Error>(version.map(|version| version.value.code))
        })?;
        let code = code.ok_or_else(|| Error::not_found("There is no such version."))?;
        let id: BlobId = code.sha256.parse().map_err(|_| Error::internal())?;
        let limit = MAX_PACKAGE as u64;
        let bytes = self.catalog.read_blob(id, limit).await.map_err(|error| Error::unavailable(error.to_string()))?;
        Ok(Answer { content_type: "application/zip", body: bytes, ..Answer::empty(200) })
    }
}

/// Keeps a blob as long as a version uses it. After every change of who uses it this is called, so that of two calls at
/// the same time the later one sees what the other did.
pub(super) async fn settle(catalog: &Catalog, code: &str) -> Result<(), Error> {
    let Ok(id) = code.parse::<BlobId>() else { return Ok(()) };
    for _ in 0..LOOKS {
        catalog.fresh().await?;
        let used = catalog.read(|documents| documents.count(&keys::function_code_users(code))) > 0;
        let kept = catalog.blobs().contains(&id);
        match (used, kept) {
            (true, false) => {
                let bytes =
                    catalog.read_blob(id, MAX_PACKAGE as u64).await.map_err(|error| errors::not_kept(&error))?;
                catalog.keep_blob(bytes).await.map_err(|error| errors::not_kept(&error))?;
            }
            (false, true) => catalog.forget_blob(id).await.map_err(|error| errors::not_kept(&error))?,
            _ => return Ok(()),
        }
    }
    Ok(())
}

/// A package's hash as Lambda shows it.
pub(super) fn shown(code: &Code) -> String {
    BASE64.encode(hex::decode(&code.sha256).unwrap_or_default())
}
