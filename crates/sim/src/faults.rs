//! Faults on a schedule: the n-th association or retrieval of an archive fails in a planned way, always the same.

use std::sync::Mutex;

/// One planned fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// All goes well.
    None,
    /// The association is refused for now (PS3.8 Table 9-21: congestion).
    Refuse,
    /// The connection breaks once so many bytes were sent.
    DropAfterBytes(u64),
    /// A-ABORT in the middle of the n-th object sent on the association (from 1).
    AbortInObject(u32),
    /// The n-th sub-operation (from 1) fails without an object being sent.
    FailObject(u32),
    /// What is stored to us is refused with this status, e.g. A700H.
    RefuseStore(u16),
}

/// Faults, each used once, in order; after the last all goes well.
#[derive(Debug, Default)]
pub struct Schedule {
    left: Mutex<Vec<Fault>>,
}

impl Schedule {
    /// The schedule of these faults.
    pub fn new(faults: impl IntoIterator<Item = Fault>) -> Self {
        let mut left: Vec<Fault> = faults.into_iter().collect();
        left.reverse();
        Self { left: Mutex::new(left) }
    }

    /// The next fault.
    pub fn take(&self) -> Fault {
        self.left.lock().ok().and_then(|mut left| left.pop()).unwrap_or(Fault::None)
    }

    /// Adds faults after those that are left.
    pub fn add(&self, faults: impl IntoIterator<Item = Fault>) {
        if let Ok(mut left) = self.left.lock() {
            for fault in faults {
                left.insert(0, fault);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fault_strikes_once_in_order() {
        let schedule = Schedule::new([Fault::Refuse, Fault::None]);
        schedule.add([Fault::AbortInObject(2)]);
        let taken = [(); 4].map(|()| schedule.take());
        assert_eq!(taken, [Fault::Refuse, Fault::None, Fault::AbortInObject(2), Fault::None]);
    }
}
