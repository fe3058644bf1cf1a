//! Service Quotas: AWS JSON 1.1 over `POST /`, the operation in `X-Amz-Target` (Service Quotas API reference). It lists the request rates of
//! Cognito user pools, and what of VPCs the lab keeps to.
//!
//! A request to raise a quota is approved at once, as Service Quotas approves some by itself. What is enforced stays as it is until
//! UpdateProvisionedLimit raises it (Cognito developer guide, "Managing provisioned limits").

use http::request::Parts;
use serde_json::{Value, json};

use super::ec2::{ACLS_FOR_VPC, RULES_FOR_DIRECTION, RULES_FOR_GROUP};
use super::{Reply, ServiceError, json_input, json_operation, json_reply};
use crate::identity::quota::{Increase, QuotaRow, Quotas};
use crate::topology;
use gameday_core::model::RegionRole;

/// What the operation's name begins with on the wire.
pub(super) const TARGET: &str = "ServiceQuotasV20190624.";
/// The service whose quotas can be raised.
const SERVICE_CODE: &str = "cognito-idp";
/// The service whose quotas are AWS's defaults here: what the lab's EC2 keeps to.
const VPC_CODE: &str = "vpc";
const VPC_NAME: &str = "Amazon Virtual Private Cloud (Amazon VPC)";
/// Code, name and value (VPC user guide, "Amazon VPC quotas").
const VPC_QUOTAS: [(&str, &str, usize); 3] = [
    ("L-B4A6D682", "Network ACLs per VPC", ACLS_FOR_VPC),
    ("L-2AEEBF1A", "Rules per network ACL", RULES_FOR_DIRECTION),
    ("L-0EA8095F", "Inbound or outbound rules per security group", RULES_FOR_GROUP),
];
/// As Service Quotas names it.
const SERVICE_NAME: &str = "Amazon Cognito User Pools";
/// The largest page (API reference, ListServiceQuotas, `MaxResults`).
const LARGEST_PAGE: usize = 100;

/// What a request asks for; nothing where its headers do not say.
pub(super) fn operation(parts: &Parts) -> Option<&str> {
    json_operation(parts, TARGET)
}

/// Answers one request.
pub(super) fn handle(quotas: &Quotas, role: RegionRole, parts: &Parts, body: &[u8]) -> Reply {
    json_reply(act(quotas, role, operation(parts).unwrap_or_default(), body))
}

type QuotaOutcome = Result<Value, ServiceError>;

fn act(quotas: &Quotas, role: RegionRole, operation: &str, body: &[u8]) -> QuotaOutcome {
    let input = json_input(body)?;
    match operation {
        "ListServices" => {
            let services = [(SERVICE_CODE, SERVICE_NAME), (VPC_CODE, VPC_NAME)];
            page(&input, "Services", &services.map(|(code, name)| json!({ "ServiceCode": code, "ServiceName": name })))
        }
        "ListServiceQuotas" | "ListAWSDefaultServiceQuotas" if input["ServiceCode"] == VPC_CODE => {
            page(&input, "Quotas", &VPC_QUOTAS.map(|quota| vpc_quota(quota, role)))
        }
        "ListServiceQuotas" => list(quotas, role, &input, |_, most| most),
        "ListAWSDefaultServiceQuotas" => list(quotas, role, &input, |free, _| free),
        "GetServiceQuota" => one(quotas, role, &input, |_, most| most),
        "GetAWSDefaultServiceQuota" => one(quotas, role, &input, |free, _| free),
        "RequestServiceQuotaIncrease" => increase(quotas, role, &input),
        "ListRequestedServiceQuotaChangeHistory" => {
            let asked = input["ServiceCode"].as_str().is_none_or(|code| code == SERVICE_CODE);
            let all = quotas.increases();
            page(
                &input,
                "RequestedQuotas",
                &all.iter().filter(|_| asked).map(|one| requested(one, role)).collect::<Vec<_>>(),
            )
        }
        _ => Err(ServiceError::bad(
            "UnknownOperationException",
            format!("The lab's Service Quotas has no operation {operation}."),
        )),
    }
}

fn no_such(what: &str) -> ServiceError {
    ServiceError::bad(
        "NoSuchResourceException",
        format!("The request failed because the specified {what} does not exist."),
    )
}

fn illegal(message: impl Into<String>) -> ServiceError {
    ServiceError::bad("IllegalArgumentException", message)
}

fn check_service(input: &Value) -> Result<(), ServiceError> {
    match input["ServiceCode"].as_str() {
        Some(SERVICE_CODE) => Ok(()),
        Some(_) => Err(no_such("service")),
        None => Err(illegal("ServiceCode is missing.")),
    }
}

/// Pages are numbered by how many items came before.
fn page(input: &Value, name: &str, items: &[Value]) -> QuotaOutcome {
    let from = match &input["NextToken"] {
        Value::Null => 0,
        token => token
            .as_str()
            .and_then(|token| token.parse().ok())
            .filter(|from| *from < items.len())
            .ok_or_else(|| ServiceError::bad("InvalidPaginationTokenException", "Invalid input was provided."))?,
    };
    let largest = input["MaxResults"].as_u64().map_or(LARGEST_PAGE, |most| (most as usize).clamp(1, LARGEST_PAGE));
    let mut answer = json!({ name: items.iter().skip(from).take(largest).collect::<Vec<_>>() });
    if from + largest < items.len() {
        answer["NextToken"] = (from + largest).to_string().into();
    }
    Ok(answer)
}

fn list(quotas: &Quotas, role: RegionRole, input: &Value, value: fn(u32, u32) -> u32) -> QuotaOutcome {
    check_service(input)?;
    let all = quotas.listed().into_iter().map(|(row, free, most)| quota(row, role, value(free, most)));
    page(input, "Quotas", &all.collect::<Vec<_>>())
}

fn find(quotas: &Quotas, input: &Value) -> Result<(&'static QuotaRow, u32, u32), ServiceError> {
    check_service(input)?;
    let code = input["QuotaCode"].as_str().ok_or_else(|| illegal("QuotaCode is missing."))?;
    quotas.listed().into_iter().find(|(row, ..)| row.code == Some(code)).ok_or_else(|| no_such("quota"))
}

fn one(quotas: &Quotas, role: RegionRole, input: &Value, value: fn(u32, u32) -> u32) -> QuotaOutcome {
    let (row, free, most) = find(quotas, input)?;
    Ok(json!({ "Quota": quota(row, role, value(free, most)) }))
}

fn arn(row: &QuotaRow, role: RegionRole) -> String {
    let (region, account) = (topology::region(role), topology::ACCOUNT);
    format!("arn:aws:servicequotas:{region}:{account}:{SERVICE_CODE}/{}", row.code.unwrap_or_default())
}

fn quota(row: &QuotaRow, role: RegionRole, value: u32) -> Value {
    json!({
        "ServiceCode": SERVICE_CODE,
        "ServiceName": SERVICE_NAME,
        "QuotaArn": arn(row, role),
        "QuotaCode": row.code,
        "QuotaName": row.title,
        "Value": f64::from(value),
        "Unit": "None",
        "Adjustable": row.adjustable,
        "GlobalQuota": false,
        "QuotaAppliedAtLevel": "ACCOUNT",
    })
}

fn vpc_quota((code, name, value): (&str, &str, usize), role: RegionRole) -> Value {
    let (region, account) = (topology::region(role), topology::ACCOUNT);
    json!({
        "ServiceCode": VPC_CODE,
        "ServiceName": VPC_NAME,
        "QuotaArn": format!("arn:aws:servicequotas:{region}:{account}:{VPC_CODE}/{code}"),
        "QuotaCode": code,
        "QuotaName": name,
        "Value": value as f64,
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
        "QuotaAppliedAtLevel": "ACCOUNT",
    })
}

fn increase(quotas: &Quotas, role: RegionRole, input: &Value) -> QuotaOutcome {
    let (row, _, most) = find(quotas, input)?;
    let desired = input["DesiredValue"].as_f64().filter(|value| *value <= f64::from(u32::MAX) && value.fract() == 0.0);
    let desired = desired.ok_or_else(|| illegal("DesiredValue must be a whole number of requests per second."))?;
    if !row.adjustable {
        return Err(illegal(format!("The quota {} is not adjustable.", row.title)));
    }
    if desired <= f64::from(most) {
        return Err(illegal("You must provide a quota value greater than the current quota value."));
    }
    Ok(json!({ "RequestedQuota": requested(&quotas.increase(row, desired as u32), role) }))
}

fn requested(increase: &Increase, role: RegionRole) -> Value {
    json!({
        "Id": increase.id,
        "ServiceCode": SERVICE_CODE,
        "ServiceName": SERVICE_NAME,
        "QuotaCode": increase.row.code,
        "QuotaName": increase.row.title,
        "QuotaArn": arn(increase.row, role),
        "DesiredValue": f64::from(increase.desired),
        "Status": "APPROVED",
        "Created": increase.at.as_second(),
        "LastUpdated": increase.at.as_second(),
        "Requester": json!({ "accountId": topology::ACCOUNT }).to_string(),
        "Unit": "None",
        "GlobalQuota": false,
        "QuotaRequestedAtLevel": "ACCOUNT",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gameday_core::env::LabSettings;
    use gameday_core::model::Clock;

    const SIGN_INS: &str = "L-026ADBA3";

    fn ask(quotas: &Quotas, operation: &str, input: &Value) -> QuotaOutcome {
        act(quotas, RegionRole::Replica, operation, input.to_string().as_bytes())
    }

    #[test]
    fn quotas_are_listed_page_by_page() {
        let quotas = Quotas::new(&LabSettings::default(), None, Clock::start(1.0));
        let (mut codes, mut token) = (Vec::new(), Value::Null);
        loop {
            let input = json!({ "ServiceCode": SERVICE_CODE, "MaxResults": 4, "NextToken": token });
            let page = ask(&quotas, "ListServiceQuotas", &input).unwrap();
            let of = |quota: &Value| (quota["QuotaCode"].clone(), quota["Value"].clone());
            codes.extend(page["Quotas"].as_array().unwrap().iter().map(of));
            token = page["NextToken"].clone();
            if token.is_null() {
                break;
            }
        }
        assert_eq!(codes.len(), quotas.listed().len());
        assert_eq!(codes[0], (json!(SIGN_INS), json!(1000.0)));
        let wrong = json!({ "ServiceCode": SERVICE_CODE, "NextToken": "x" });
        assert_eq!(ask(&quotas, "ListServiceQuotas", &wrong).unwrap_err().code, "InvalidPaginationTokenException");
        let other = json!({ "ServiceCode": "ec2" });
        assert_eq!(ask(&quotas, "ListAWSDefaultServiceQuotas", &other).unwrap_err().code, "NoSuchResourceException");
    }

    #[test]
    fn an_increase_is_approved_and_the_default_stays() {
        let quotas = Quotas::new(&LabSettings::default(), None, Clock::start(1.0));
        let named =
            |desired: f64| json!({ "ServiceCode": SERVICE_CODE, "QuotaCode": SIGN_INS, "DesiredValue": desired });
        let made = ask(&quotas, "RequestServiceQuotaIncrease", &named(2000.0)).unwrap();
        assert_eq!(made["RequestedQuota"]["Status"], "APPROVED");
        assert_eq!(ask(&quotas, "GetServiceQuota", &named(0.0)).unwrap()["Quota"]["Value"], 2000.0);
        assert_eq!(ask(&quotas, "GetAWSDefaultServiceQuota", &named(0.0)).unwrap()["Quota"]["Value"], 120.0);
        for wrong in [2000.0, 1999.0, 2000.5, 1e12] {
            let error = ask(&quotas, "RequestServiceQuotaIncrease", &named(wrong)).unwrap_err();
            assert_eq!(error.code, "IllegalArgumentException", "{wrong}");
        }
        let fixed = json!({ "ServiceCode": SERVICE_CODE, "QuotaCode": "L-259E3368", "DesiredValue": 100 });
        assert_eq!(ask(&quotas, "RequestServiceQuotaIncrease", &fixed).unwrap_err().code, "IllegalArgumentException");
        let history = ask(&quotas, "ListRequestedServiceQuotaChangeHistory", &json!({})).unwrap();
        assert_eq!(history["RequestedQuotas"].as_array().unwrap().len(), 1);
    }
}
