use super::super::{Check, Occurrence, REPLICA};
use super::{Both, beside};
use gameday_core::model::{Predicts, Severity};

/// GD406.
pub(super) const CHECK: Check = Check {
    code: "GD406",
    severity: Severity::Risk,
    regions: REPLICA,
    predicts: Predicts::FailedLogins,
    title: "A trigger's function has a different runtime at the replica",
    why: "The same code can behave differently on another runtime or architecture: libraries can be missing, and \
          defaults differ. With less memory a function also has less CPU, and can take longer than the 5 s that \
          Cognito waits.",
    remedy: "Give the replica's function the same runtime and memory as the primary's:\n\n\
             ```sh\n\
             aws lambda update-function-configuration --region REPLICA_REGION --function-name FUNCTION --runtime \
             RUNTIME --memory-size MEGABYTES\n\
             ```\n\n\
             The architecture is set with the code: `aws lambda update-function-code --region REPLICA_REGION \
             --function-name FUNCTION --s3-bucket BUCKET --s3-key KEY --architectures ARCHITECTURE`",
    calls: &["cognito-idp:DescribeUserPool", "lambda:GetFunctionConfiguration"],
    look: |facts| Box::pin(beside(facts, look)),
};

fn look(both: &Both<'_>) -> Vec<Occurrence> {
    let Both { name, primary, replica, here, there } = both;
    let mut sights = Vec::new();
    let mut compare = |what: &str, one: String, other: String, severity: Severity| {
        if one != other {
            let told = format!("{what} of {name} is {one} in {here} and {other} in {there}");
            let evidence = format!("lambda:GetFunctionConfiguration: {told}");
            sights.push(Occurrence::of(evidence).severity(severity));
        }
    };
    let runtime = |runtime: Option<&aws_sdk_lambda::types::Runtime>| {
        runtime.map_or_else(|| "defined by its image".to_owned(), |runtime| runtime.as_str().to_owned())
    };
    compare("Runtime", runtime(primary.runtime()), runtime(replica.runtime()), Severity::Risk);
    let processor = |all: &[aws_sdk_lambda::types::Architecture]| {
        all.iter().map(aws_sdk_lambda::types::Architecture::as_str).collect::<Vec<_>>().join(", ")
    };
    compare("Architectures", processor(primary.architectures()), processor(replica.architectures()), Severity::Risk);
    let memory = |mb: Option<i32>| mb.map_or_else(|| "unknown".to_owned(), |mb| format!("{mb} MB"));
    compare("MemorySize", memory(primary.memory_size()), memory(replica.memory_size()), Severity::Note);
    sights
}
