//! PS3.8 §9.2 as data: states, events and actions of the DICOM Upper Layer, and Table 9-10.

/// Sta1 to Sta13 (PS3.8 Tables 9-1 to 9-5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// Idle.
    Sta1,
    /// Transport connection open, awaiting A-ASSOCIATE-RQ.
    Sta2,
    /// Awaiting the local A-ASSOCIATE response.
    Sta3,
    /// Awaiting the transport connection.
    Sta4,
    /// Awaiting A-ASSOCIATE-AC or -RJ.
    Sta5,
    /// Association established.
    Sta6,
    /// Awaiting A-RELEASE-RP.
    Sta7,
    /// Awaiting the local A-RELEASE response.
    Sta8,
    /// Release collision, requestor: awaiting the local A-RELEASE response.
    Sta9,
    /// Release collision, acceptor: awaiting A-RELEASE-RP.
    Sta10,
    /// Release collision, requestor: awaiting A-RELEASE-RP.
    Sta11,
    /// Release collision, acceptor: awaiting the local A-RELEASE response.
    Sta12,
    /// Awaiting the end of the transport connection.
    Sta13,
}

/// Evt1 to Evt19 (PS3.8 Table 9-10, first column).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Evt {
    /// Evt1: A-ASSOCIATE request (local user).
    AssociateRequest,
    /// Evt2: transport connection confirmed.
    TransportConfirm,
    /// Evt3: A-ASSOCIATE-AC PDU.
    AcceptPdu,
    /// Evt4: A-ASSOCIATE-RJ PDU.
    RejectPdu,
    /// Evt5: transport connection indication.
    TransportIndication,
    /// Evt6: A-ASSOCIATE-RQ PDU.
    RequestPdu,
    /// Evt7: A-ASSOCIATE response (accept).
    AcceptResponse,
    /// Evt8: A-ASSOCIATE response (reject).
    RejectResponse,
    /// Evt9: P-DATA request.
    DataRequest,
    /// Evt10: P-DATA-TF PDU.
    DataPdu,
    /// Evt11: A-RELEASE request.
    ReleaseRequest,
    /// Evt12: A-RELEASE-RQ PDU.
    ReleaseRqPdu,
    /// Evt13: A-RELEASE-RP PDU.
    ReleaseRpPdu,
    /// Evt14: A-RELEASE response.
    ReleaseResponse,
    /// Evt15: A-ABORT request.
    AbortRequest,
    /// Evt16: A-ABORT PDU.
    AbortPdu,
    /// Evt17: transport connection closed.
    TransportClosed,
    /// Evt18: ARTIM timer expired.
    ArtimExpired,
    /// Evt19: unrecognised or invalid PDU.
    InvalidPdu,
}

/// The actions of PS3.8 Tables 9-6 to 9-9.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[rustfmt::skip]
pub(super) enum Action {
    Ae1, Ae2, Ae3, Ae4, Ae5, Ae6, Ae7, Ae8,
    Dt1, Dt2,
    Ar1, Ar2, Ar3, Ar4, Ar5, Ar6, Ar7, Ar8, Ar9, Ar10,
    Aa1, Aa2, Aa3, Aa4, Aa5, Aa6, Aa7, Aa8,
}

use Action::*;
type Row = [Option<Action>; 13];
const NONE: Option<Action> = None;
const AA1: Option<Action> = Some(Aa1);
const AA2: Option<Action> = Some(Aa2);
const AA3: Option<Action> = Some(Aa3);
const AA4: Option<Action> = Some(Aa4);
const AA8: Option<Action> = Some(Aa8);
const AA6: Option<Action> = Some(Aa6);
const AA7: Option<Action> = Some(Aa7);

/// PS3.8 Table 9-10: a row per event, a column per state from Sta1 to Sta13. An empty cell cannot occur.
#[rustfmt::skip]
static TABLE: [Row; 19] = [
    //       Sta1        Sta2       Sta3       Sta4       Sta5       Sta6       Sta7       Sta8       Sta9       Sta10       Sta11      Sta12      Sta13
    /* 1  */ [Some(Ae1), NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,       NONE,      NONE,      NONE],
    /* 2  */ [NONE,      NONE,      NONE,      Some(Ae2), NONE,      NONE,      NONE,      NONE,      NONE,      NONE,       NONE,      NONE,      NONE],
    /* 3  */ [NONE,      AA1,       AA8,       NONE,      Some(Ae3), AA8,       AA8,       AA8,       AA8,       AA8,        AA8,       AA8,       AA6],
    /* 4  */ [NONE,      AA1,       AA8,       NONE,      Some(Ae4), AA8,       AA8,       AA8,       AA8,       AA8,        AA8,       AA8,       AA6],
    /* 5  */ [Some(Ae5), NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,       NONE,      NONE,      NONE],
    /* 6  */ [NONE,      Some(Ae6), AA8,       NONE,      AA8,       AA8,       AA8,       AA8,       AA8,       AA8,        AA8,       AA8,       AA7],
    /* 7  */ [NONE,      NONE,      Some(Ae7), NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,       NONE,      NONE,      NONE],
    /* 8  */ [NONE,      NONE,      Some(Ae8), NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,       NONE,      NONE,      NONE],
    /* 9  */ [NONE,      NONE,      NONE,      NONE,      NONE,      Some(Dt1), NONE,      Some(Ar7), NONE,      NONE,       NONE,      NONE,      NONE],
    /* 10 */ [NONE,      AA1,       AA8,       NONE,      AA8,       Some(Dt2), Some(Ar6), AA8,       AA8,       AA8,        AA8,       AA8,       AA6],
    /* 11 */ [NONE,      NONE,      NONE,      NONE,      NONE,      Some(Ar1), NONE,      NONE,      NONE,      NONE,       NONE,      NONE,      NONE],
    /* 12 */ [NONE,      AA1,       AA8,       NONE,      AA8,       Some(Ar2), Some(Ar8), AA8,       AA8,       AA8,        AA8,       AA8,       AA6],
    /* 13 */ [NONE,      AA1,       AA8,       NONE,      AA8,       AA8,       Some(Ar3), AA8,       AA8,       Some(Ar10), Some(Ar3), AA8,       AA6],
    /* 14 */ [NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      Some(Ar4), Some(Ar9), NONE,       NONE,      Some(Ar4), NONE],
    /* 15 */ [NONE,      NONE,      AA1,       AA2,       AA1,       AA1,       AA1,       AA1,       AA1,       AA1,        AA1,       AA1,       NONE],
    /* 16 */ [NONE,      AA2,       AA3,       NONE,      AA3,       AA3,       AA3,       AA3,       AA3,       AA3,        AA3,       AA3,       AA2],
    /* 17 */ [NONE,      Some(Aa5), AA4,       AA4,       AA4,       AA4,       AA4,       AA4,       AA4,       AA4,        AA4,       AA4,       Some(Ar5)],
    /* 18 */ [NONE,      AA2,       NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,      NONE,       NONE,      NONE,      AA2],
    /* 19 */ [NONE,      AA1,       AA8,       NONE,      AA8,       AA8,       AA8,       AA8,       AA8,       AA8,        AA8,       AA8,       AA7],
];

/// The cell of Table 9-10.
pub(super) fn action(event: Evt, state: State) -> Option<Action> {
    TABLE[event as usize][state as usize]
}

impl Action {
    /// The state that follows. AE-6 says Sta3 here, and Sta13 where the request is unacceptable; AR-8 depends on who
    /// requested the association.
    pub(super) fn next_state(self, is_requestor: bool) -> State {
        match self {
            Ae1 => State::Sta4,
            Ae2 => State::Sta5,
            Ae3 | Ae7 | Dt1 | Dt2 => State::Sta6,
            Ae5 => State::Sta2,
            Ae6 => State::Sta3,
            Ar1 | Ar6 => State::Sta7,
            Ar2 | Ar7 => State::Sta8,
            Ar8 if is_requestor => State::Sta9,
            Ar8 => State::Sta10,
            Ar9 => State::Sta11,
            Ar10 => State::Sta12,
            Ae8 | Ar4 | Aa1 | Aa6 | Aa7 | Aa8 => State::Sta13,
            Ae4 | Ar3 | Ar5 | Aa2 | Aa3 | Aa4 | Aa5 => State::Sta1,
        }
    }
}
