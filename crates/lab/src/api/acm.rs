//! CertificateFixture Manager: AWS JSON 1.1 over `POST /`, the operation in `X-Amz-Target` (ACM API reference).

use http::request::Parts;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::{Reply, ServiceError, json_input, json_operation, json_reply};
use crate::estate::acm::{CertificateFixture, Certificates};

/// What the operation's name begins with on the wire.
const TARGET: &str = "CertificateManager.";
/// What ListCertificates gives at once (API reference, `MaxItems`).
const LARGEST_PAGE: usize = 1000;
/// How long certificates are valid: 198 days since February 2026, at most 13 months before (ACM user guide, "ACM certificate
/// characteristics").
const VALIDITY_DAYS: i64 = 398;
/// The lab's certificates have keys of this kind.
const KEY: &str = "EC_prime256v1";
/// Those that ListCertificates gives without a filter by kind of key (API reference, Filters).
const LISTED_KEYS: [&str; 2] = ["RSA_1024", "RSA_2048"];

/// What a request asks for; nothing where its headers do not say.
pub(super) fn operation(parts: &Parts) -> Option<&str> {
    json_operation(parts, TARGET)
}

/// Answers one request of a Region with these certificates.
pub(super) fn handle(certificates: &Certificates, now: Timestamp, parts: &Parts, body: &[u8]) -> Reply {
    json_reply(act(certificates, now, operation(parts).unwrap_or_default(), body))
}

fn act(certificates: &Certificates, now: Timestamp, operation: &str, body: &[u8]) -> Result<Value, ServiceError> {
    let input = json_input(body)?;
    match operation {
        "DescribeCertificate" => {
            let arn = input["CertificateArn"].as_str().unwrap_or_default();
            let found = certificates.get(arn).ok_or_else(|| {
                ServiceError::bad("ResourceNotFoundException", format!("Could not find certificate {arn}."))
            })?;
            Ok(json!({ "Certificate": detail(arn, found, now) }))
        }
        "ListCertificates" => list(certificates, now, &input),
        other => {
            Err(ServiceError::bad("UnknownOperationException", format!("The lab's ACM has no operation {other}.")))
        }
    }
}

fn epoch(now: Timestamp, days: i64) -> i64 {
    now.checked_add(SignedDuration::from_hours(24 * days)).map_or(i64::MAX, Timestamp::as_second)
}

fn detail(arn: &str, certificate: &CertificateFixture, now: Timestamp) -> Value {
    let begins = epoch(now, certificate.days - VALIDITY_DAYS);
    let issued = certificate.status != "PENDING_VALIDATION";
    let mut detail = json!({
        "CertificateArn": arn,
        "DomainName": certificate.domain_name,
        "SubjectAlternativeNames": certificate.subject_alternative_names,
        "Subject": format!("CN={}", certificate.domain_name),
        "Status": certificate.status,
        "Type": certificate.kind,
        "KeyAlgorithm": KEY,
        "SignatureAlgorithm": "SHA256WITHECDSA",
        "InUseBy": certificate.in_use_by,
        "CreatedAt": begins,
        "RenewalEligibility": certificate.renewal_eligibility,
    });
    if issued {
        detail["NotBefore"] = begins.into();
        detail["NotAfter"] = epoch(now, certificate.days).into();
        let at = if certificate.kind == "IMPORTED" { "ImportedAt" } else { "IssuedAt" };
        detail[at] = begins.into();
    }
    if let Some(status) = &certificate.renewal_status {
        detail["RenewalSummary"] =
            json!({ "RenewalStatus": status, "DomainValidationOptions": [], "UpdatedAt": now.as_second() });
    }
    detail
}

fn list(certificates: &Certificates, now: Timestamp, input: &Value) -> Result<Value, ServiceError> {
    let texts = |value: &Value| -> Vec<String> {
        value.as_array().into_iter().flatten().filter_map(|text| text.as_str().map(str::to_owned)).collect()
    };
    let (statuses, keys) = (texts(&input["CertificateStatuses"]), texts(&input["Includes"]["keyTypes"]));
    let listed = if keys.is_empty() { LISTED_KEYS.contains(&KEY) } else { keys.iter().any(|key| key == KEY) };
    let most = input["MaxItems"].as_u64().map_or(LARGEST_PAGE, |most| (most as usize).clamp(1, LARGEST_PAGE));
    let after = match &input["NextToken"] {
        Value::Null => None,
        token => {
            let known = token.as_str().filter(|token| certificates.contains_key(*token));
            let known = known.ok_or_else(|| ServiceError::bad("InvalidArgsException", "The token is not valid."))?;
            Some(known.to_owned())
        }
    };
    let mut wanted = certificates.iter().filter(|(arn, certificate)| {
        listed
            && (statuses.is_empty() || statuses.contains(&certificate.status))
            && after.as_ref().is_none_or(|after| *arn > after)
    });
    let page: Vec<_> = wanted.by_ref().take(most).collect();
    let summary = |(arn, certificate): &(&String, &CertificateFixture)| {
        let mut summary = detail(arn, certificate, now);
        summary["SubjectAlternativeNameSummaries"] = summary["SubjectAlternativeNames"].take();
        summary["HasAdditionalSubjectAlternativeNames"] = false.into();
        summary["InUse"] = (!certificate.in_use_by.is_empty()).into();
        if let Value::Object(members) = &mut summary {
            for key in ["SubjectAlternativeNames", "Subject", "SignatureAlgorithm", "InUseBy", "RenewalSummary"] {
                members.shift_remove(key);
            }
        }
        summary
    };
    let mut answer = json!({ "CertificateSummaryList": page.iter().map(summary).collect::<Vec<_>>() });
    if let (Some((last, _)), Some(_)) = (page.last(), wanted.next()) {
        answer["NextToken"] = (*last).clone().into();
    }
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::estate::acm;

    fn ask(operation: &str, input: &Value) -> Result<Value, ServiceError> {
        let mut certificates = acm::healthy().remove("us-east-1").unwrap();
        let (arn, first) = certificates.first_key_value().map(|(arn, one)| (arn.clone(), one.clone())).unwrap();
        certificates
            .insert(format!("{arn}-2"), CertificateFixture { status: "PENDING_VALIDATION".to_owned(), ..first });
        act(&certificates, Timestamp::UNIX_EPOCH, operation, input.to_string().as_bytes())
    }

    #[test]
    fn certificates_are_listed_by_kind_of_key_and_page_by_page() {
        let none = ask("ListCertificates", &json!({})).unwrap();
        assert_eq!(none["CertificateSummaryList"], json!([]), "without a filter those with RSA keys alone");
        let filter = json!({ "keyTypes": [KEY] });
        let first = ask("ListCertificates", &json!({ "Includes": filter, "MaxItems": 1 })).unwrap();
        assert_eq!(first["CertificateSummaryList"].as_array().unwrap().len(), 1);
        let rest = ask("ListCertificates", &json!({ "Includes": filter, "NextToken": first["NextToken"] })).unwrap();
        assert_eq!(rest["CertificateSummaryList"][0]["Status"], "PENDING_VALIDATION");
        assert_eq!(rest["NextToken"], Value::Null);
        let wrong = ask("ListCertificates", &json!({ "NextToken": "x" })).unwrap_err();
        assert_eq!(wrong.code, "InvalidArgsException");
    }

    #[test]
    fn a_certificate_is_described_with_its_end() {
        let arn = acm::front_door("us-east-1");
        let found = ask("DescribeCertificate", &json!({ "CertificateArn": arn })).unwrap();
        assert_eq!(found["Certificate"]["NotAfter"], 200 * 24 * 3600);
        let missing = ask("DescribeCertificate", &json!({ "CertificateArn": "arn:aws:acm:x" })).unwrap_err();
        assert_eq!(missing.code, "ResourceNotFoundException");
    }
}
