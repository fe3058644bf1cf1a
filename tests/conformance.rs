//! Programs that know AWS, DNS and Cognito, and nothing of GameDay, against a stand-alone lab.

#[path = "conformance/emulators.rs"]
mod emulators;
#[path = "conformance/observer.rs"]
mod observer;
#[path = "conformance/recomputed.rs"]
mod recomputed;
#[path = "conformance/reports.rs"]
mod reports;
#[path = "conformance/srp.rs"]
mod srp;

use crate::synthetic;
use crate::tools::{self, Lab, on_path, python_tool, report_reader};
use reports::Reports;

#[test]
fn aws_cli_reads_the_lab_and_a_wrong_secret_is_refused() {
    Lab::start().passes(&on_path("bash"), "aws_cli.sh");
}

#[test]
fn dig_sees_the_flip_and_the_way_back() {
    on_path("dig");
    Lab::start().passes(&on_path("bash"), "dig.sh");
}

#[test]
fn pycognito_logs_in_in_every_way_to_both_regions() {
    // It refuses tokens of the UPDATED issuer.
    Lab::with("2", &[("issuer", "original")]).passes(&python_tool("python"), "pycognito_login.py");
}

#[test]
fn boto3_finds_what_users_and_administrators_do_at_the_primary_and_what_the_replica_refuses() {
    Lab::for_codes().passes(&python_tool("python"), "cognito_api.py");
}

#[test]
fn boto3_reads_the_pool_and_its_keys_in_both_regions() {
    Lab::start().passes(&python_tool("python"), "pool_and_keys.py");
}

#[test]
fn boto3_is_throttled_until_a_higher_limit_is_provisioned() {
    Lab::slow().passes(&python_tool("python"), "quotas.py");
}

#[test]
fn boto3_reads_the_triggers_functions_and_what_they_depend_on() {
    Lab::start().passes(&python_tool("python"), "stores.py");
}

#[test]
fn boto3_reads_certificates_rest_apis_and_the_record() {
    Lab::start().passes(&python_tool("python"), "routing_api.py");
}

#[test]
fn boto3_reads_metrics_trails_locks_and_web_acls() {
    Lab::start().passes(&python_tool("python"), "audit.py");
}

#[test]
fn amazon_cognito_identity_js_logs_in_in_every_way_to_both_regions() {
    Lab::for_codes().passes(&on_path("node"), "identity_js.mjs");
}

#[test]
fn aws_jwt_verify_accepts_and_rejects_the_right_tokens_of_both_regions() {
    let lab = Lab::start();
    lab.passes(&on_path("node"), "jwt_verify.mjs");
    lab.passes(&python_tool("python"), "issuer.py");
}

#[test]
fn aws_jwt_verify_knows_the_original_issuer_of_both_regions() {
    let lab = Lab::with("10", &[("issuer", "original")]);
    lab.passes(&on_path("node"), "jwt_verify.mjs");
    lab.passes(&python_tool("python"), "issuer.py");
}

#[test]
fn openid_client_signs_in_by_managed_login_to_both_regions() {
    Lab::start().passes(&on_path("node"), "openid_client.mjs");
}

#[test]
fn our_srp_client_says_what_pycognito_says() {
    srp::agrees_with_pycognito(&python_tool("python"));
}

#[test]
fn chromium_and_axe_core_find_nothing_wrong_with_reports() {
    Reports::write().browsed(&on_path("chromium"), &on_path("node"));
}

#[test]
fn prometheus_client_reads_the_metrics() {
    Reports::write().read(&report_reader(), "openmetrics.py");
}

#[test]
fn chaos_toolkit_takes_and_renders_the_journal() {
    Reports::write().read(&report_reader(), "chaos_journal.py");
}
