//! Media types that an API takes for bytes rather than text.

use super::templates::media_type;

/// Media types, patterns like `image/*` among them.
#[derive(Debug, Default)]
pub struct BinaryTypes(Vec<String>);

impl BinaryTypes {
    pub(super) fn new(types: &[String]) -> Self {
        Self(types.iter().map(|pattern| pattern.to_ascii_lowercase()).collect())
    }

    /// Whether a `Content-Type`, or the first entry of an `Accept`, is one of them. Without either it is JSON's that
    /// counts.
    pub fn has(&self, header: Option<&str>) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let media_type = media_type(header);
        self.0.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some("*/") => true,
            Some(start) if start.ends_with('/') => media_type.starts_with(start),
            _ => *pattern == media_type,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_are_matched_without_parameters() {
        let types = |types: &[&str]| BinaryTypes::new(&types.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>());
        for (patterns, header, expected) in [
            (&["image/png"][..], Some("image/png"), true),
            (&["image/png"], Some("Image/PNG; x=y"), true),
            (&["image/png"], Some("image/jpeg"), false),
            (&["image/*"], Some("image/jpeg"), true),
            (&["image/*"], Some("images/jpeg"), false),
            (&["image/*"], Some("text/plain, image/png"), false),
            (&["*/*"], Some("text/plain"), true),
            (&["*/*"], None, true),
            (&["application/json"], None, true),
            (&[], None, false),
        ] {
            assert_eq!(types(patterns).has(header), expected, "{patterns:?} {header:?}");
        }
    }
}
