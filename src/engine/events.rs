use std::sync::Arc;

use tokio::sync::broadcast;

use gameday_core::model::{EventLog, Record};

/// So many events a receiver may be behind before it misses the oldest.
const BEHIND: usize = 4096;

/// The events of a log from now on.
pub fn subscribe(log: &EventLog) -> broadcast::Receiver<Arc<Record>> {
    let (sender, receiver) = broadcast::channel(BEHIND);
    // An error says that the receiver is gone.
    log.follow(move |record| sender.send(Arc::clone(record)).is_ok());
    receiver
}
