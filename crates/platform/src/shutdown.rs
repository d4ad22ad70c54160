//! Asking the process to end: one side asks, every loop hears it and finishes what it holds.

use std::sync::Arc;
use tokio::sync::watch;

/// Asks everything that holds the matching [`Shutdown`] to end.
#[derive(Debug, Clone)]
pub struct ShutdownHandle(Arc<watch::Sender<bool>>);

/// Hears that the process is to end. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Shutdown(watch::Receiver<bool>);

/// A handle to ask with, and what hears it.
pub fn shutdown() -> (ShutdownHandle, Shutdown) {
    let (ask, hear) = watch::channel(false);
    (ShutdownHandle(Arc::new(ask)), Shutdown(hear))
}

impl ShutdownHandle {
    /// Asks. It cannot be taken back.
    pub fn request(&self) {
        self.0.send_replace(true);
    }
}

impl Shutdown {
    /// Whether it has been asked for.
    pub fn is_requested(&self) -> bool {
        *self.0.borrow()
    }

    /// Ends when it is asked for; never if the asking side is gone.
    pub async fn requested(&self) {
        let mut hear = self.0.clone();
        if hear.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
