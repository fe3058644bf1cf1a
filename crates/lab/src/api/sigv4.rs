//! AWS Signature Version 4, verified: the request is signed again with the lab's own key, and both signatures must agree.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_sigv4::http_request::{PayloadChecksumKind, SignableBody, SignableRequest, SigningSettings, sign};
use aws_sigv4::sign::v4;
use http::request::Parts;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use gameday_core::model::Secret;

/// A key pair that the lab accepts.
#[derive(Debug, Clone)]
pub(crate) struct Keys {
    access_key: String,
    secret_key: Secret,
}

/// What a request was signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Scope {
    /// Whose signature it is.
    pub access_key: String,
    /// The day, as `20260102`.
    pub date: String,
    pub region: String,
    /// The service's signing name, as `ec2`.
    pub service: String,
}

/// Why a request is not taken as signed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SigV4Error {
    /// There is no signature.
    #[error("Request is missing Authentication Token")]
    Missing,
    /// There is something that is no signature.
    #[error("Authorization header is incomplete: {0}")]
    Incomplete(&'static str),
    /// Signed by a key that the lab does not know.
    #[error("The security token included in the request is invalid.")]
    UnknownKey,
    /// Signed with another secret, or changed on the way.
    #[error(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access Key and signing method."
    )]
    Mismatch,
}

impl Keys {
    /// A key pair.
    pub(crate) fn new(access_key: impl Into<String>, secret_key: Secret) -> Self {
        Self { access_key: access_key.into(), secret_key }
    }

    /// The access key's ID.
    pub(crate) fn access_key(&self) -> &str {
        &self.access_key
    }

    /// The secret of it.
    pub(crate) fn secret_key(&self) -> &Secret {
        &self.secret_key
    }

    /// [`verify`] with the error in words.
    ///
    /// # Errors
    /// The wording of [`SigV4Error`].
    pub(crate) fn verify(&self, parts: &Parts, body: &[u8]) -> Result<Scope, String> {
        verify(parts, body, self).map_err(|error| error.to_string())
    }
}

/// What a request says that it was signed for, true or not; for the wording of refusals.
pub(crate) fn claimed(parts: &Parts) -> Option<Scope> {
    let header = parts.headers.get(http::header::AUTHORIZATION)?.to_str().ok()?;
    authorization(header).ok().map(|authorization| authorization.scope)
}

/// The Authorization header, taken apart.
struct Authorization<'a> {
    scope: Scope,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

/// Verifies a request's signature. Its age is not judged: in a lab that runs faster than real time, client and server clocks differ on purpose.
///
/// # Errors
/// [`SigV4Error`].
pub(crate) fn verify(parts: &Parts, body: &[u8], keys: &Keys) -> Result<Scope, SigV4Error> {
    let header = parts.headers.get(http::header::AUTHORIZATION).ok_or(SigV4Error::Missing)?;
    let header = header.to_str().map_err(|_| SigV4Error::Incomplete("not text"))?;
    let claimed = authorization(header)?;
    if claimed.scope.access_key != keys.access_key {
        return Err(SigV4Error::UnknownKey);
    }
    let signature = signature(parts, body, keys, &claimed)?;
    if signature == claimed.signature { Ok(claimed.scope) } else { Err(SigV4Error::Mismatch) }
}

fn authorization(header: &str) -> Result<Authorization<'_>, SigV4Error> {
    let fields = header.strip_prefix("AWS4-HMAC-SHA256").ok_or(SigV4Error::Incomplete("not AWS4-HMAC-SHA256"))?;
    let field = |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
    let credential = field("Credential").ok_or(SigV4Error::Incomplete("no Credential"))?;
    let signed_headers = field("SignedHeaders").ok_or(SigV4Error::Incomplete("no SignedHeaders"))?;
    let signature = field("Signature").ok_or(SigV4Error::Incomplete("no Signature"))?;
    let parts: Vec<&str> = credential.split('/').collect();
    let [access_key, date, region, service, "aws4_request"] = parts[..] else {
        return Err(SigV4Error::Incomplete("Credential is not KEY/DATE/REGION/SERVICE/aws4_request"));
    };
    let [access_key, date, region, service] = [access_key, date, region, service].map(str::to_owned);
    let signed_headers: Vec<&str> = signed_headers.split(';').collect();
    if !signed_headers.contains(&"host") {
        return Err(SigV4Error::Incomplete("host is not signed"));
    }
    Ok(Authorization { scope: Scope { access_key, date, region, service }, signed_headers, signature })
}

/// The signature that the request should have.
fn signature(parts: &Parts, body: &[u8], keys: &Keys, claimed: &Authorization<'_>) -> Result<String, SigV4Error> {
    let text = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok());
    let date = text("x-amz-date").ok_or(SigV4Error::Incomplete("no X-Amz-Date"))?;
    if !date.starts_with(&claimed.scope.date) {
        return Err(SigV4Error::Mismatch);
    }
    // HTTP/2 has the host in the URI.
    let host = text("host")
        .or_else(|| parts.uri.authority().map(http::uri::Authority::as_str))
        .ok_or(SigV4Error::Incomplete("no Host"))?;
    let mut settings = SigningSettings::default();
    // Exactly what the client signed, whatever clients leave out as a rule.
    settings.excluded_headers = None;
    if claimed.signed_headers.contains(&"x-amz-content-sha256") {
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    }
    let identity = Credentials::new(&keys.access_key, keys.secret_key.expose(), None, None, "lab").into();
    let params = v4::SigningParams::builder()
        .identity(&identity)
        .region(&claimed.scope.region)
        .name(&claimed.scope.service)
        .time(time(date).ok_or(SigV4Error::Incomplete("X-Amz-Date is not a time"))?)
        .settings(settings)
        .build()
        .map_err(|_| SigV4Error::Mismatch)?
        .into();
    // The signing library adds these itself.
    let own = ["host", "x-amz-date", "x-amz-content-sha256"];
    let headers = claimed.signed_headers.iter().filter(|name| !own.contains(name)).flat_map(|name| {
        let values = parts.headers.get_all(*name).iter().filter_map(|value| value.to_str().ok());
        values.map(|value| (*name, value))
    });
    let path = parts.uri.path_and_query().map_or("/", http::uri::PathAndQuery::as_str);
    let url = format!("http://{host}{path}");
    let request = SignableRequest::new(parts.method.as_str(), url, headers, SignableBody::Bytes(body))
        .map_err(|_| SigV4Error::Mismatch)?;
    let output = sign(request, &params).map_err(|_| SigV4Error::Mismatch)?;
    Ok(output.signature().to_owned())
}

fn time(text: &str) -> Option<SystemTime> {
    let civil = DateTime::strptime("%Y%m%dT%H%M%SZ", text).ok()?;
    let seconds = TimeZone::UTC.to_timestamp(civil).ok()?.as_second();
    SystemTime::UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(seconds).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(secret: &str) -> Keys {
        Keys::new("AKIDEXAMPLE", Secret::new(secret))
    }

    /// A request as a client would sign it.
    fn signed(method: &str, path: &str, body: &[u8], secret: &str) -> Parts {
        let mut parts = signed_for(&format!("http://127.0.0.1:4000{path}"), method, path, body, secret);
        parts.headers.insert("host", "127.0.0.1:4000".parse().unwrap());
        parts
    }

    /// The same for a URL, whose host it takes by itself; without a Host header.
    fn signed_for(url: &str, method: &str, path: &str, body: &[u8], secret: &str) -> Parts {
        let identity = Credentials::new("AKIDEXAMPLE", secret, None, None, "test").into();
        let params = v4::SigningParams::builder()
            .identity(&identity)
            .region("us-east-1")
            .name("ec2")
            .time(time("20260102T030405Z").unwrap())
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let headers = [("content-type", "text/plain")];
        let signable = SignableRequest::new(method, url, headers.into_iter(), SignableBody::Bytes(body)).unwrap();
        let (instructions, _) = sign(signable, &params).unwrap().into_parts();
        let mut request =
            http::Request::builder().method(method).uri(path).header(headers[0].0, headers[0].1).body(()).unwrap();
        instructions.apply_to_request_http1x(&mut request);
        request.into_parts().0
    }

    #[test]
    fn what_a_client_signed_is_accepted_with_its_scope() {
        let parts = signed("POST", "/path/a%20b?x=1&a=%2F", b"Action=DescribeVpcs", "secret");
        let scope = verify(&parts, b"Action=DescribeVpcs", &keys("secret")).unwrap();
        assert_eq!(
            (scope.region.as_str(), scope.service.as_str(), scope.date.as_str()),
            ("us-east-1", "ec2", "20260102")
        );
    }

    /// The SDK signs for a URL with the default port as for one without.
    #[test]
    fn c24_what_is_signed_at_the_default_port_verifies_without_it() {
        let parts = signed_for("https://login.example.com:443/", "POST", "/", b"body", "secret");
        let with_host = |host: &str| {
            let mut parts = parts.clone();
            parts.headers.insert("host", host.parse().unwrap());
            verify(&parts, b"body", &keys("secret")).map(drop)
        };
        assert_eq!(with_host(&gameday_protocols::net::host_header("login.example.com", 443)), Ok(()));
        assert_eq!(with_host("login.example.com:443"), Err(SigV4Error::Mismatch));
    }

    #[test]
    fn a_wrong_secret_body_path_header_or_date_is_refused() {
        let parts = || signed("POST", "/", b"body", "secret");
        assert_eq!(verify(&parts(), b"body", &keys("other")), Err(SigV4Error::Mismatch));
        assert_eq!(verify(&parts(), b"tampered", &keys("secret")), Err(SigV4Error::Mismatch));
        let mut moved = parts();
        moved.uri = "/elsewhere".parse().unwrap();
        assert_eq!(verify(&moved, b"body", &keys("secret")), Err(SigV4Error::Mismatch));
        for (name, value) in
            [("content-type", "text/html"), ("x-amz-date", "20260102T030406Z"), ("x-amz-date", "20260103T030405Z")]
        {
            let mut changed = parts();
            changed.headers.insert(name, value.parse().unwrap());
            assert_eq!(verify(&changed, b"body", &keys("secret")), Err(SigV4Error::Mismatch), "{name}");
        }
    }

    #[test]
    fn missing_foreign_and_broken_signatures_are_told_apart() {
        let mut parts = signed("POST", "/", b"", "secret");
        assert_eq!(verify(&parts, b"", &Keys::new("AKIDOTHER", Secret::new("secret"))), Err(SigV4Error::UnknownKey));
        parts.headers.insert("authorization", "AWS4-HMAC-SHA256 Credential=x".parse().unwrap());
        assert!(matches!(verify(&parts, b"", &keys("secret")), Err(SigV4Error::Incomplete(_))));
        parts.headers.remove("authorization");
        assert_eq!(verify(&parts, b"", &keys("secret")), Err(SigV4Error::Missing));
    }
}
