//! What a URL says of a store.

use percent_encoding::percent_decode_str;
use std::collections::BTreeMap;

/// A URL that cannot be used. Whatever in it may be secret is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{setting}: {problem}")]
pub struct UrlError {
    /// The setting's name.
    pub setting: &'static str,
    /// What is wrong, and what would be right.
    pub problem: String,
}

/// What a line for a person calls the settings that may have to be mended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettingNames {
    /// Where the credentials come from: `A and B`.
    pub credentials: &'static str,
    /// What asks for encryption by the store.
    pub encryption: &'static str,
    /// What asks for object lock.
    pub lock: &'static str,
}

impl Default for SettingNames {
    /// The variables of AWS tools, and the parameters of a URL.
    fn default() -> Self {
        Self { credentials: "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY", encryption: "`sse=`", lock: "`lock=`" }
    }
}

/// Where a store is: its name, and the service that has it.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    /// The setting that the URL came from.
    pub(crate) setting: &'static str,
    /// What else may have to be mended.
    pub(crate) names: SettingNames,
    /// What stands between the scheme and the parameters, slashes and all.
    pub(crate) name: String,
    /// `SCHEME://HOST` of the service; `None` is AWS itself, which the SDK finds by the region.
    pub(crate) endpoint: Option<String>,
    /// The region that requests are signed for.
    pub(crate) region: String,
    #[cfg_attr(
        not(any(feature = "s3", feature = "sqs", test)),
        expect(dead_code, reason = "these stores have no parameters of their own")
    )]
    parameters: BTreeMap<String, String>,
}

/// For a service elsewhere that has no regions: it takes any, and this one is what its users write.
const ANY_REGION: &str = "us-east-1";

impl Place {
    /// `SCHEME:NAME?region=&endpoint=`, or with `//` after the scheme. `known` are the parameters that
    /// the store takes, `region` and (unless the name is a URL itself) `endpoint` among them.
    pub(crate) fn parse(setting: &'static str, scheme: &str, url: &str, known: &[&str]) -> Result<Self, UrlError> {
        let wrong = |problem: String| UrlError { setting, problem };
        let Some(rest) = url.strip_prefix(scheme).and_then(|rest| rest.strip_prefix(':')) else {
            return Err(wrong(format!("the URL does not start with `{scheme}:`")));
        };
        let rest = rest.strip_prefix("//").unwrap_or(rest);
        let (name, query) = rest.split_once('?').unwrap_or((rest, ""));
        if name.is_empty() {
            return Err(wrong(format!("nothing is named after `{scheme}:`")));
        }
        let mut parameters = parameters(query, known).map_err(wrong)?;
        let mut take = |name: &str| parameters.remove(name);
        let (region, endpoint) = (take("region"), take("endpoint"));
        let endpoint = match endpoint {
            Some(endpoint) => Some(origin(&endpoint).ok_or_else(|| {
                wrong("`endpoint` is not of the form http(s)://HOST:PORT, without path or password".to_owned())
            })?),
            // A queue is named by a URL, and served by the host in it.
            None if name.contains("://") => Some(origin_of_url(name).ok_or_else(|| {
                wrong("the name is not of the form http(s)://HOST/PATH, without password".to_owned())
            })?),
            None => None,
        };
        let region = match (region, &endpoint) {
            (Some(region), _) => region,
            (None, Some(endpoint)) => region_in(endpoint).unwrap_or(ANY_REGION).to_owned(),
            (None, None) => return Err(wrong("at AWS it takes a region: append `?region=NAME`".to_owned())),
        };
        let letter = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if region.is_empty() || !region.bytes().all(letter) {
            return Err(wrong(format!("`region={}` is not the name of a region", region.escape_debug())));
        }
        Ok(Self { setting, names: SettingNames::default(), name: name.to_owned(), endpoint, region, parameters })
    }

    /// A parameter as it was given.
    #[cfg(any(feature = "s3", feature = "sqs", test))]
    pub(crate) fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.get(name).map(String::as_str)
    }

    /// A parameter that is a number in a range.
    #[cfg(any(feature = "s3", feature = "sqs", test))]
    pub(crate) fn number<N: std::str::FromStr + PartialOrd + std::fmt::Display>(
        &self,
        name: &str,
        range: std::ops::RangeInclusive<N>,
    ) -> Result<Option<N>, UrlError> {
        let Some(given) = self.parameter(name) else { return Ok(None) };
        let number = given.parse().ok().filter(|number| range.contains(number));
        number.map(Some).ok_or_else(|| {
            let (least, most) = (range.start(), range.end());
            self.wrong(format!("`{name}={}` is not a number from {least} to {most}", given.escape_debug()))
        })
    }

    /// A parameter that is one of some words.
    #[cfg(any(feature = "s3", test))]
    pub(crate) fn one_of<'w>(&self, name: &str, words: &[&'w str]) -> Result<Option<&'w str>, UrlError> {
        let Some(given) = self.parameter(name) else { return Ok(None) };
        let word = words.iter().find(|word| **word == given);
        word.map(|word| Some(*word)).ok_or_else(|| {
            self.wrong(format!("`{name}={}` is not known; use {}", given.escape_debug(), words.join(", ")))
        })
    }

    /// An error about this URL.
    pub(crate) fn wrong(&self, problem: impl Into<String>) -> UrlError {
        UrlError { setting: self.setting, problem: problem.into() }
    }

    /// Where requests go: what a person looks for when nothing answers.
    pub(crate) fn service(&self) -> String {
        match &self.endpoint {
            Some(endpoint) => format!("at {endpoint}"),
            None => format!("in the region {}", self.region),
        }
    }
}

fn parameters(query: &str, known: &[&str]) -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        if !known.contains(&name) {
            return Err(format!("there is no parameter `{}`; known are {}", name.escape_debug(), known.join(", ")));
        }
        let value = percent_decode_str(value).decode_utf8().map_err(|_| format!("`{name}` is not UTF-8"))?;
        if value.is_empty() {
            return Err(format!("`{name}` has no value"));
        }
        if found.insert(name.to_owned(), value.into_owned()).is_some() {
            return Err(format!("`{name}` is given twice"));
        }
    }
    Ok(found)
}

fn origin(endpoint: &str) -> Option<String> {
    let endpoint = endpoint.strip_suffix('/').unwrap_or(endpoint);
    origin_of_url(endpoint).filter(|origin| origin == endpoint)
}

/// `http(s)://HOST:PORT` of a URL that has no password in it.
fn origin_of_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let host = rest.split('/').next()?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    (matches!(scheme, "http" | "https") && !host.is_empty() && host.bytes().all(plain))
        .then(|| format!("{scheme}://{host}"))
}

/// `sqs.REGION.`, or `sqs.PRODUCT.REGION.` as elsewhere: the first label behind `sqs` with a hyphen.
fn region_in(endpoint: &str) -> Option<&str> {
    let (_, host) = endpoint.split_once("://")?;
    host.strip_prefix("sqs.")?.split(['.', ':']).find(|label| label.contains('-'))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 4] = ["region", "endpoint", "style", "days"];

    fn parse(scheme: &str, url: &str) -> Result<Place, UrlError> {
        Place::parse("X_URL", scheme, url, &KNOWN)
    }

    #[test]
    fn urls_say_a_name_a_service_and_a_region() {
        for (url, name, endpoint, region) in [
            ("dynamodb://audit?region=eu-central-1", "audit", None, "eu-central-1"),
            ("dynamodb://audit?endpoint=http://127.0.0.1:8000", "audit", Some("http://127.0.0.1:8000"), "us-east-1"),
            ("dynamodb://audit?endpoint=http%3A%2F%2F[::1]:8000/", "audit", Some("http://[::1]:8000"), "us-east-1"),
            ("dynamodb://a/b/?region=fr-par&endpoint=https://s3.x", "a/b/", Some("https://s3.x"), "fr-par"),
            ("dynamodb:alias/x?region=eu-west-3", "alias/x", None, "eu-west-3"),
            (
                "dynamodb:https://sqs.eu-central-1.x.com/1/p-",
                "https://sqs.eu-central-1.x.com/1/p-",
                Some("https://sqs.eu-central-1.x.com"),
                "eu-central-1",
            ),
            (
                "dynamodb:https://sqs.mnq.fr-par.x.com/1/p-",
                "https://sqs.mnq.fr-par.x.com/1/p-",
                Some("https://sqs.mnq.fr-par.x.com"),
                "fr-par",
            ),
            (
                "dynamodb:http://localhost:9324/0/p-",
                "http://localhost:9324/0/p-",
                Some("http://localhost:9324"),
                "us-east-1",
            ),
        ] {
            let place = parse("dynamodb", url).unwrap();
            let wanted = (name, endpoint, region);
            assert_eq!((place.name.as_str(), place.endpoint.as_deref(), place.region.as_str()), wanted, "{url}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (url, said) in [
            ("mongodb://x", "X_URL: the URL does not start with `dynamodb:`"),
            ("dynamodb://?region=x", "X_URL: nothing is named after `dynamodb:`"),
            ("dynamodb://t", "X_URL: at AWS it takes a region: append `?region=NAME`"),
            ("dynamodb://t?regoin=x", "X_URL: there is no parameter `regoin`; known are region, endpoint, style, days"),
            ("dynamodb://t?region=x&region=y", "X_URL: `region` is given twice"),
            ("dynamodb://t?region", "X_URL: `region` has no value"),
            ("dynamodb://t?region=%FF", "X_URL: `region` is not UTF-8"),
            ("dynamodb://t?region=Europe", "X_URL: `region=Europe` is not the name of a region"),
        ] {
            assert_eq!(parse("dynamodb", url).unwrap_err().to_string(), said);
        }
        for endpoint in ["127.0.0.1:8000", "ftp://x", "http://", "http://a:secret@x", "http://x/path", "http://x?y"] {
            let said = parse("dynamodb", &format!("dynamodb://t?endpoint={endpoint}")).unwrap_err().to_string();
            assert!(said.starts_with("X_URL: `endpoint` is not of the form") && !said.contains("secret"), "{said}");
        }
        let said = parse("sqs", "sqs:https://a:secret@host/1/x").unwrap_err().to_string();
        assert!(said.contains("without password") && !said.contains("secret"), "{said}");
    }

    #[test]
    fn parameters_are_checked_as_they_are_asked_for() {
        let place = parse("s3", "s3://b?region=x&style=path&days=30").unwrap();
        assert_eq!(place.one_of("style", &["path", "vhost"]).unwrap(), Some("path"));
        assert_eq!(place.number("days", 1..=365).unwrap(), Some(30));
        let place = parse("s3", "s3://b?region=x&style=paths&days=1000").unwrap();
        let said = place.one_of("style", &["path", "vhost"]).unwrap_err().to_string();
        assert_eq!(said, "X_URL: `style=paths` is not known; use path, vhost");
        let said = place.number("days", 1..=365).unwrap_err().to_string();
        assert_eq!(said, "X_URL: `days=1000` is not a number from 1 to 365");
        assert_eq!((place.number("none", 1..=2).unwrap(), place.parameter("style")), (None, Some("paths")));
    }
}
