//! Certificates, as Certificate Manager tells of them.

use std::sync::Arc;

use aws_sdk_acm::types::{CertificateDetail, CertificateSummary, Filters, KeyAlgorithm};

use super::{Facts, Unavailable};
use crate::cloud::CloudError;
use gameday_core::model::RegionRole;

/// Every kind of key, since ListCertificates leaves all but RSA of up to 2048 bits out otherwise (ACM API reference, Filters).
const KEYS: [KeyAlgorithm; 7] = [
    KeyAlgorithm::Rsa1024,
    KeyAlgorithm::Rsa2048,
    KeyAlgorithm::Rsa3072,
    KeyAlgorithm::Rsa4096,
    KeyAlgorithm::EcPrime256v1,
    KeyAlgorithm::EcSecp384r1,
    KeyAlgorithm::EcSecp521r1,
];

/// The certificate of managed login's own domain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LoginCertificate {
    /// The domain.
    pub domain: String,
    /// The certificate.
    pub arn: String,
}

impl LoginCertificate {
    /// Where it is.
    pub fn region(&self) -> &str {
        self.arn.split(':').nth(3).unwrap_or_default()
    }
}

impl Facts {
    /// The certificate of managed login's own domain; nothing where the pool has no such domain.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn login_certificate(&self) -> Result<Option<LoginCertificate>, Unavailable> {
        let domain = self.domain().await?;
        Ok(domain.as_ref().as_ref().and_then(|domain| {
            let arn = domain.custom_domain_config()?.certificate_arn().to_owned();
            Some(LoginCertificate { domain: domain.domain()?.to_owned(), arn })
        }))
    }

    /// The certificates of a Region.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn certificates(&self, role: RegionRole) -> Result<Arc<Vec<CertificateSummary>>, Unavailable> {
        let operation = "acm:ListCertificates";
        self.call(operation, role, "", async move {
            let filters = Filters::builder().set_key_types(Some(KEYS.to_vec())).build();
            let call = self.cloud.region(role).checked.acm.list_certificates().includes(filters);
            let mut pages = call.into_paginator().send();
            let mut found = Vec::new();
            while let Some(page) = pages.next().await {
                let page = page.map_err(CloudError::of(operation))?;
                found.extend(page.certificate_summary_list.unwrap_or_default());
            }
            Ok(found)
        })
        .await
    }

    /// A certificate in detail.
    ///
    /// # Errors
    /// [`Unavailable`].
    pub async fn certificate(&self, role: RegionRole, arn: &str) -> Result<Arc<CertificateDetail>, Unavailable> {
        let (operation, arn) = ("acm:DescribeCertificate", arn.to_owned());
        self.call(operation, role, &arn.clone(), async move {
            let call = self.cloud.region(role).checked.acm.describe_certificate().certificate_arn(arn);
            let answer = call.send().await.map_err(CloudError::of(operation))?;
            answer.certificate.ok_or_else(|| CloudError::incomplete(operation, "Certificate"))
        })
        .await
    }
}
