//! How long an association waits, and for what. Time is a `Duration` since an epoch of the caller's choosing.

use super::table::State;
use std::time::Duration;

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timers {
    /// For the transport connection.
    pub connect: Duration,
    /// For the answer to our A-ASSOCIATE-RQ.
    pub associate: Duration,
    /// ARTIM (PS3.8 §9.1.5): for an A-ASSOCIATE-RQ, and for the peer to close at the end.
    pub artim: Duration,
    /// For the next byte of a message, or of the next request.
    pub idle: Duration,
    /// For the response to a request of ours, or the next of several.
    pub response: Duration,
    /// For the answer to our A-RELEASE-RQ.
    pub release: Duration,
}

impl Default for Timers {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            associate: Duration::from_secs(30),
            artim: Duration::from_secs(30),
            idle: Duration::from_secs(120),
            response: Duration::from_secs(300),
            release: Duration::from_secs(10),
        }
    }
}

/// What did not happen in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Timeout {
    /// The transport connection.
    Connect,
    /// The answer to our A-ASSOCIATE-RQ.
    Associate,
    /// The peer fell silent.
    Idle,
    /// The response to a request of ours.
    Response,
    /// The answer to our A-RELEASE-RQ.
    Release,
    /// ARTIM.
    Artim,
}

/// What the association is waiting for while it is established.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Awaiting {
    /// The rest of a message, or a next request.
    Peer,
    /// A response to our request.
    Response,
    /// Our own side, which is working on the peer's request.
    Ourselves,
}

/// When things last happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct Clocks {
    /// When ARTIM was started, while it runs.
    pub(super) artim_since: Option<Duration>,
    /// When the state was entered.
    pub(super) state_since: Duration,
    /// When bytes last came, or went.
    pub(super) activity: Duration,
}

impl Clocks {
    pub(super) fn deadline(
        &self,
        state: State,
        awaiting: Awaiting,
        timers: &Timers,
    ) -> Option<(Duration, Timeout)> {
        match state {
            State::Sta1 | State::Sta3 => None,
            State::Sta2 | State::Sta13 => {
                self.artim_since.map(|since| (since + timers.artim, Timeout::Artim))
            }
            State::Sta4 => Some((self.state_since + timers.connect, Timeout::Connect)),
            State::Sta5 => Some((self.state_since + timers.associate, Timeout::Associate)),
            State::Sta6 => match awaiting {
                Awaiting::Peer => Some((self.activity + timers.idle, Timeout::Idle)),
                Awaiting::Response => Some((self.activity + timers.response, Timeout::Response)),
                Awaiting::Ourselves => None,
            },
            State::Sta7 | State::Sta8 | State::Sta9 | State::Sta10 | State::Sta11 | State::Sta12 => {
                Some((self.state_since + timers.release, Timeout::Release))
            }
        }
    }
}
