//! What happens to an instance inside the hub, one stage a file, in the order in which it happens.

pub mod receive;
pub mod admit;
mod looked;
pub mod sampling;
pub mod deidentify;
pub mod clinical;
pub mod outgoing;
pub mod lost;
pub mod consign;
pub mod transfer;
pub mod receipts;
pub mod reconsider;
pub mod nightly;
pub mod review;
pub mod rules;
