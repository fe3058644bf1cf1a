//! What changes find with what runs left of them, in one Region of an account.

use std::any::Any;
use std::collections::BTreeMap;

use aws_sdk_cognitoidentityprovider::types::UserPoolType;
use aws_sdk_ec2::types::{Filter, Tag};
use tokio::sync::OnceCell;

use crate::cloud::{CloudError, ErrorClass, RegionClients};
use gameday_core::env::Site;
use gameday_core::model::RegionRole;

use super::change::{Change, Listed};

/// What changes find their leftovers with, in one Region.
pub struct Finder<'a> {
    /// Clients of the Region.
    pub clients: &'a RegionClients,
    /// Where.
    pub site: &'a Site,
    /// What schedules would undo, each with its run.
    scheduled: Vec<(&'a str, &'a dyn Change)>,
    found: Vec<(String, Box<dyn Change>)>,
    /// Described at most once.
    pool: OnceCell<Option<UserPoolType>>,
}

/// Tags of EC2.
pub(super) fn tags(tags: &[Tag]) -> BTreeMap<String, String> {
    tags.iter().filter_map(|tag| Some((tag.key()?.to_owned(), tag.value()?.to_owned()))).collect()
}

/// What has a tag.
pub(super) fn tagged(key: &str) -> Filter {
    Filter::builder().name("tag-key").values(key).build()
}

/// The resource is not there.
pub(super) fn is_gone(error: &CloudError) -> bool {
    error.class == ErrorClass::NotFound || error.code.as_deref() == Some("NoSuchHealthCheck")
}

impl<'a> Finder<'a> {
    /// Has found nothing yet; knows what schedules would undo.
    pub fn new(clients: &'a RegionClients, site: &'a Site, scheduled: Vec<(&'a str, &'a dyn Change)>) -> Self {
        Self { clients, site, scheduled, found: Vec::new(), pool: OnceCell::new() }
    }

    /// Adds what a run left.
    pub fn add(&mut self, run: &str, change: impl Listed) {
        self.found.push((run.to_owned(), Box::new(change)));
    }

    /// What schedules would undo of one kind of change, each with its run.
    pub fn scheduled<T: Change>(&self) -> impl Iterator<Item = (&'a str, &'a T)> {
        let of_kind = |change: &'a dyn Change| (change as &dyn Any).downcast_ref::<T>();
        self.scheduled.iter().filter_map(move |(run, change)| Some((*run, of_kind(*change)?)))
    }

    /// What was found since this was asked last, each with its run.
    pub fn take(&mut self) -> Vec<(String, Box<dyn Change>)> {
        std::mem::take(&mut self.found)
    }

    /// The user pool; nothing where it is not there.
    ///
    /// # Errors
    /// [`CloudError`].
    pub async fn user_pool(&self) -> Result<Option<&UserPoolType>, CloudError> {
        let describe = async || {
            let role = self.site.role(&self.clients.region).unwrap_or(RegionRole::Primary);
            let call = self.clients.cognito.describe_user_pool().user_pool_id(self.site.pool.id_at(role)).send();
            match call.await.map_err(CloudError::of("cognito-idp:DescribeUserPool")) {
                Err(error) if is_gone(&error) => Ok(None),
                other => Ok(other?.user_pool),
            }
        };
        Ok(self.pool.get_or_try_init(describe).await?.as_ref())
    }
}
