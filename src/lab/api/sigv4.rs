//! A stand-in until the real verification is merged: takes any signature by its scope.

use http::request::Parts;

use crate::model::Secret;

/// A key pair that the lab accepts.
#[derive(Debug, Clone)]
pub struct Keys {
    access_key: String,
    _secret_key: Secret,
}

/// What a request was signed for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    /// The Region.
    pub region: String,
    /// The service's signing name.
    pub service: String,
}

impl Keys {
    /// A key pair.
    pub fn new(access_key: impl Into<String>, secret_key: Secret) -> Self {
        Self {
            access_key: access_key.into(),
            _secret_key: secret_key,
        }
    }

    /// What the request was signed for.
    ///
    /// # Errors
    /// Why it is not taken as signed.
    pub fn verify(&self, parts: &Parts, _body: &[u8]) -> Result<Scope, String> {
        let header = parts
            .headers
            .get("authorization")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let scope = header
            .split_once("Credential=")
            .and_then(|(_, rest)| rest.split(',').next())
            .unwrap_or_default();
        match scope.split('/').collect::<Vec<_>>()[..] {
            [key, _, region, service, "aws4_request"] if key == self.access_key => Ok(Scope {
                region: region.to_owned(),
                service: service.to_owned(),
            }),
            _ => Err("The security token included in the request is invalid.".to_owned()),
        }
    }
}
