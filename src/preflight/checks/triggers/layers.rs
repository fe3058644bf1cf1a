use std::collections::BTreeSet;

use super::super::{Check, Occurrence, REPLICA};
use super::{Both, beside};
use gameday_core::model::{Predicts, Severity};

/// GD412.
pub(super) const CHECK: Check = Check {
    code: "GD412",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "The replica's function has different layers",
    why: "Layers belong to a Region. Code that needs a layer fails if the layer is missing, and Lambda cannot load a \
          layer of the primary's Region while that Region is down.",
    remedy: "Publish the layer in the replica's Region, and attach it to the function there. `--layers` replaces the \
             whole list, so name all layers:\n\n\
             ```sh\n\
             aws lambda publish-layer-version --region REPLICA_REGION --layer-name LAYER --zip-file \
             fileb://layer.zip\n\
             aws lambda update-function-configuration --region REPLICA_REGION --function-name FUNCTION --layers \
             LAYER_ARN\n\
             ```",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(beside(facts, look)),
};

fn look(both: &Both<'_>) -> Vec<Occurrence> {
    let Both { name, primary, replica, here, there } = both;
    let mut sights = Vec::new();
    let (ours, theirs) = (arns(primary.layers()), arns(replica.layers()));
    let said = format!("lambda:GetFunctionConfiguration: {name} in {there}");
    for arn in theirs.iter().filter(|arn| arn.split(':').nth(3) == Some(here.as_str())) {
        sights.push(Occurrence::of(format!("{said} has the layer {arn}, which is in {here}")));
    }
    let (one, other) = (names(&ours), names(&theirs));
    let listed = |names: Vec<&str>| names.join(", ");
    let missing = listed(one.difference(&other).copied().collect());
    if !missing.is_empty() {
        sights.push(Occurrence::of(format!("{said} lacks layers that the one in {here} has: {missing}")));
    }
    let more = listed(other.difference(&one).copied().collect());
    if !more.is_empty() {
        sights.push(
            Occurrence::of(format!("{said} has layers that the one in {here} does not have: {more}"))
                .severity(Severity::Note),
        );
    }
    sights
}

fn arns(layers: &[aws_sdk_lambda::types::Layer]) -> Vec<&str> {
    layers.iter().filter_map(|layer| layer.arn()).collect()
}

/// Names without Region and version, which differ between Regions by themselves.
fn names<'a>(arns: &[&'a str]) -> BTreeSet<&'a str> {
    arns.iter().filter_map(|arn| arn.split(':').nth(6)).collect()
}
