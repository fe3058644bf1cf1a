//! Placeholder with the identity half's interface; answers health checks and nothing else.

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use http::StatusCode;

use super::api::sigv4::Keys;
use super::truth::Truth;
use crate::env::{Canary, LabSettings};
use crate::model::{AccountId, Clock, Region, RegionRole, Secret, Seed};

/// What the identity half needs.
pub struct IdentityOptions {
    /// The lab's settings.
    pub settings: LabSettings,
    /// The primary's name.
    pub primary: Region,
    /// The replica's name.
    pub replica: Region,
    /// The lab's account.
    pub account: AccountId,
    /// Scenario time.
    pub clock: Clock,
    /// Every draw follows from it.
    pub seed: Seed,
    /// Where acceptances are noted.
    pub truth: Arc<Truth>,
    /// Who may call admin operations.
    pub keys: Keys,
}

/// The user pool in two Regions.
pub struct Identity;

impl Identity {
    /// Starts it.
    #[allow(clippy::unused_async)]
    pub async fn start(options: IdentityOptions) -> Result<Arc<Self>, String> {
        drop(options);
        Ok(Arc::new(Self))
    }

    /// What a front door serves.
    pub fn data_plane(self: &Arc<Self>, _role: RegionRole) -> Router {
        Router::new().route("/health", get(|| async { "ok" })).fallback(|| async { StatusCode::NOT_IMPLEMENTED })
    }

    /// What a control plane serves.
    pub fn control_plane(self: &Arc<Self>, _role: RegionRole) -> Router {
        Router::new().fallback(|| async { StatusCode::NOT_IMPLEMENTED })
    }

    /// The pool's ID.
    pub fn pool_id(&self) -> &'static str {
        "us-east-1_PLACEHOLD"
    }

    /// The app client's ID.
    pub fn client_id(&self) -> &'static str {
        "placeholder"
    }

    /// The synthetic users.
    pub fn user_names(&self) -> Vec<String> {
        vec!["user-0".to_owned()]
    }

    /// Their password.
    pub fn password(&self) -> Secret {
        Secret::new("placeholder")
    }

    /// The replication canary.
    pub fn canary(&self) -> Canary {
        Canary { username: "canary".to_owned(), attribute: "custom:canary".to_owned() }
    }
}
