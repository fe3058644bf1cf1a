use super::super::{Check, CheckResult, Occurrence, REPLICA};
use crate::preflight::facts::Facts;
use gameday_core::model::{Predicts, Severity};

/// GD411.
pub(super) const CHECK: Check = Check {
    code: "GD411",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "An environment variable of the replica's function points at the primary's Region",
    why: "A function that was copied with its variables uses the tables, secrets and databases of the primary's Region \
          from the replica's Region. This works until the primary fails, which is when users come to the replica. \
          Values are not shown, because they can be secrets.",
    remedy: "Set the variable to the resource of the replica's Region, or derive it from `AWS_REGION` in the code. The \
             command replaces all variables of the function:\n\n\
             ```sh\n\
             aws lambda update-function-configuration --region REPLICA_REGION --function-name FUNCTION --environment \
             file://variables.json\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(look(facts)),
};

async fn look(facts: &Facts) -> CheckResult {
    let pairs = facts.trigger_functions().await?;
    let (primary, replica) = (facts.site.primary.region.as_str(), &facts.site.replica.region);
    let mut sights = Vec::new();
    for pair in pairs.iter() {
        let Some(configuration) = &pair.replica.configuration else { continue };
        let variables = configuration.environment().and_then(|environment| environment.variables());
        let mut found: Vec<(&String, String)> = variables
            .into_iter()
            .flatten()
            .filter_map(|(name, value)| Some((name, points_at(value, primary, replica.as_str())?)))
            .collect();
        found.sort();
        sights.extend(found.into_iter().map(|(name, what)| {
            Occurrence::of(format!(
                "lambda:GetFunctionConfiguration: `{name}` of {} in {replica} is {what} (its value is not shown)",
                pair.replica.name()
            ))
        }));
    }
    Ok(sights)
}

/// What of the primary's Region a value is, in words that keep it to themselves; nothing where it names the replica's Region as well, as
/// a list of both does, or neither.
fn points_at(value: &str, primary: &str, replica: &str) -> Option<String> {
    if !names(value, primary) || names(value, replica) {
        return None;
    }
    let parts: Vec<&str> = value.splitn(6, ':').collect();
    if let ["arn", _, service, region, ..] = parts[..] {
        let of_region = (region == primary).then(|| format!("an ARN of {service} in {primary}"));
        return of_region.or_else(|| Some(format!("an ARN with {primary} in it")));
    }
    if value.trim() == primary {
        return Some(format!("the name of {primary}"));
    }
    Some(if value.contains(".amazonaws.") {
        format!("an endpoint in {primary}")
    } else {
        format!("a text with {primary} in it")
    })
}

/// Whether a text names a Region as a word. A pool's ID begins with its primary Region in every Region, so an underscore is part of the
/// word; a letter for an Availability Zone is not.
fn names(text: &str, region: &str) -> bool {
    let part = |c: char| c.is_ascii_alphanumeric() || c == '-';
    text.match_indices(region).any(|(at, _)| {
        let (before, after) = (&text[..at], &text[at + region.len()..]);
        let zone = after.starts_with(|c: char| c.is_ascii_lowercase())
            && !after.chars().nth(1).is_some_and(|c| part(c) || c == '_');
        let ends = !after.starts_with(|c: char| part(c) || c == '_');
        !before.ends_with(part) && (ends || zone)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_points_at_the_primary_is_told_without_its_value() {
        for (value, told) in [
            ("arn:aws:secretsmanager:us-east-1:1:secret:db-x", "an ARN of secretsmanager in us-east-1"),
            ("https://dynamodb.us-east-1.amazonaws.com", "an endpoint in us-east-1"),
            ("postgres://u:hidden@db.proxy-c.us-east-1.rds.amazonaws.com/x", "an endpoint in us-east-1"),
            ("us-east-1", "the name of us-east-1"),
            ("us-east-1a", "a text with us-east-1 in it"),
            ("region=us-east-1;x=hidden", "a text with us-east-1 in it"),
        ] {
            assert_eq!(points_at(value, "us-east-1", "us-west-2").as_deref(), Some(told), "{value}");
        }
        for value in ["us-east-1_AbCdEfGhI", "us-west-2", "us-east-1,us-west-2", "us-east-11", "info", "aus-east-1"] {
            assert_eq!(points_at(value, "us-east-1", "us-west-2"), None, "{value}");
        }
    }
}
