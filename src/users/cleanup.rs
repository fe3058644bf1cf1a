//! Users who have set the new password that they were asked for are asked again, at the primary's own API, so that they can do it again.
//! What cannot be done here, the run's restore does by its journal.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::cloud::CloudError;
use gameday_core::model::Secret;
use gameday_protocols::timer::Timer as _;

use super::load_generator::LoadGenerator;

/// From one try to the next; our own choice.
const BETWEEN_TRIES: Duration = Duration::from_secs(2);

/// Who is being asked again, beside the users' logins.
#[derive(Debug, Default)]
pub struct PasswordResets {
    /// Those who wait for their next try.
    pending: Mutex<BTreeSet<String>>,
    tasks: TaskTracker,
    /// No user acts any more, and the rest is the restore's.
    over: CancellationToken,
}

impl PasswordResets {
    /// Waits for calls under way. Nobody may be added any more.
    pub(super) async fn finish(&self) {
        self.over.cancel();
        self.tasks.close();
        self.tasks.wait().await;
    }

    fn pending(&self) -> MutexGuard<'_, BTreeSet<String>> {
        self.pending.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LoadGenerator {
    /// Asks a user for a new password again, beside everything else.
    pub(super) fn ask_again(self: &Arc<Self>, user: &str) {
        if self.chores.pending().insert(user.to_owned()) {
            let (generator, user) = (Arc::clone(self), user.to_owned());
            self.chores.tasks.spawn(async move { generator.insist_asking(&user).await });
        }
    }

    async fn insist_asking(&self, user: &str) {
        loop {
            // From here on it may be needed again: the user may sign in while the answer is on its way.
            self.chores.pending().remove(user);
            match self.ask(user).await {
                Err(error) if error.is_transient() => {}
                _ => return,
            }
            if self.chores.over.is_cancelled() || !self.chores.pending().insert(user.to_owned()) {
                // Another task does it.
                return;
            }
            tokio::select! {
                biased;
                () = self.door.clock.sleep(BETWEEN_TRIES) => {}
                () = self.chores.over.cancelled() => return,
            }
        }
    }

    async fn ask(&self, user: &str) -> Result<(), CloudError> {
        // Whoever is not of the list any more cannot be given a password.
        let Some(password) = self.password_of(user) else { return Ok(()) };
        let call = self.door.admin.admin_set_user_password().user_pool_id(&self.door.pool_id).username(user);
        let call = call.password(password.expose()).permanent(false);
        call.send().await.map(drop).map_err(CloudError::of("cognito-idp:AdminSetUserPassword"))
    }

    fn password_of(&self, user: &str) -> Option<&Secret> {
        let mut accounts = self.door.populations.values().flat_map(|population| &population.accounts);
        accounts.find(|account| account.name == user).map(|account| &account.password)
    }
}
