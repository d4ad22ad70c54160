//! The requestor: asking an archive what it has and fetching it.

use super::link::{Link, drive};
use super::{AeError, Storing, pdu_limits, timers, tls};
use crate::config::{Config, Level, Source};
use crate::pipeline::receive::Receiver;
use dicom::association::{Association, ContextRequest, Event, Request};
use dicom::dataset::{Dataset, Element};
use dicom::dimse::{Status, StatusClass};
use dicom::pdu::AeTitle;
use dicom::roles::scu::{Echo, Find, Found, Get, Got, Move, Moved, Outcome};
use dicom::roles::{RoleError, contexts_for_get};
use dicom::tag::{VR, tags};
use dicom::uid::sop_class;
use dicom::uid::transfer_syntax::{EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN};
use platform::clock::Clock;
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

/// Associations that we open to archives. Cheap to clone; every call blocks its thread until the archive has answered.
#[derive(Clone)]
pub struct Client {
    config: Arc<Config>,
    receiver: Receiver,
    clock: Arc<dyn Clock>,
    stop: Arc<AtomicBool>,
}

/// A SOP class of a study, and the transfer syntax it is held in where the archive says so.
pub type Holding = (String, Option<String>);

/// How a retrieval ended, as the archive tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Retrieved {
    /// Objects that reached us and are durable (C-GET only: with C-MOVE they come by other associations).
    pub stored: u64,
    /// Sub-operations that the archive counts as failed.
    pub failed: u64,
    /// Sub-operations that the archive counts as completed, warnings included.
    pub completed: u64,
    /// Whether it says that all went well.
    pub is_complete: bool,
}

impl Client {
    /// Calls as the configuration says; objects that come by C-GET go to `receiver`. `stop` ends every call.
    pub fn new(
        config: Arc<Config>,
        receiver: Receiver,
        clock: Arc<dyn Clock>,
        stop: Arc<AtomicBool>,
    ) -> Self {
        Self { config, receiver, clock, stop }
    }

    /// C-ECHO: whether the archive knows us.
    pub fn echo(&self, source: &Source) -> Result<(), AeError> {
        let contexts = vec![ContextRequest::scu(
            sop_class::VERIFICATION,
            &[EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN],
        )];
        let mut role = None;
        self.converse(source, contexts, |turn, association| match turn {
            Turn::Begin => {
                role = Some(Echo::start(association)?);
                Ok(None)
            }
            Turn::Event(event) => match role.as_mut().and_then(|role| role.handle(&event)) {
                Some(status) if status.is_done() => Ok(Some(())),
                Some(status) => Err(AeError::Failed(status)),
                None => Ok(None),
            },
        })
    }

    /// C-FIND in the Study Root (PS3.4 §C.6.2) at one level. An answer that cannot be read fails the query: a study must
    /// not be lost because its answer was odd.
    pub fn find(&self, source: &Source, level: Level, keys: &Dataset) -> Result<Vec<Dataset>, AeError> {
        let mut identifier = keys.clone();
        identifier.put_text(tags::QUERY_RETRIEVE_LEVEL, VR::CS, level_name(level));
        let syntaxes = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
        let contexts = vec![ContextRequest::scu(sop_class::STUDY_ROOT_FIND, &syntaxes)];
        let (mut role, mut matches) = (None, Vec::new());
        self.converse(source, contexts, |turn, association| {
            let event = match turn {
                Turn::Begin => {
                    role = Some(Find::start(association, sop_class::STUDY_ROOT_FIND, &identifier)?);
                    return Ok(None);
                }
                Turn::Event(event) => event,
            };
            let Some(role) = &mut role else { return Ok(None) };
            match role.handle(&event)? {
                Found::Waiting => Ok(None),
                Found::Match(found) => {
                    matches.push(found);
                    Ok(None)
                }
                Found::Done(response) if response.status.is_done() => Ok(Some(())),
                Found::Done(response) => Err(AeError::Failed(response.status)),
            }
        })?;
        Ok(matches)
    }

    /// C-GET of a study, a series or instances, in the presentation contexts that its holdings call for.
    pub fn get(
        &self,
        source: &Source,
        level: Level,
        keys: &Dataset,
        holdings: &[Holding],
    ) -> Result<Retrieved, AeError> {
        let identifier = retrieve_identifier(level, keys);
        let holdings = holdings.iter().map(|(class, syntax)| (class.as_str(), syntax.as_deref()));
        let contexts = contexts_for_get(sop_class::STUDY_ROOT_GET, holdings);
        let mut storing = Storing::new(&self.receiver, &source.name, source.ae_title.as_str());
        let mut role = None;
        let outcome = self.converse(source, contexts, |turn, association| {
            let event = match turn {
                Turn::Begin => {
                    role = Some(Get::start(association, sop_class::STUDY_ROOT_GET, &identifier)?);
                    return Ok(None);
                }
                Turn::Event(event) => event,
            };
            let Some(role) = &mut role else { return Ok(None) };
            match role.handle(association, event)? {
                Got::Instance(incoming) => storing.begin(&incoming),
                Got::Data { bytes, last } => {
                    if let Some(status) = storing.data(&bytes, last) {
                        role.answer(association, status)?;
                    }
                }
                Got::Done(outcome) => return Ok(Some(outcome)),
                Got::Waiting | Got::Progress(_) => {}
            }
            Ok(None)
        })?;
        retrieved(&outcome, storing.stored)
    }

    /// C-MOVE of a study, a series or instances to ourselves; the objects come by associations that the archive opens.
    pub fn move_to_us(&self, source: &Source, level: Level, keys: &Dataset) -> Result<Retrieved, AeError> {
        let identifier = retrieve_identifier(level, keys);
        let syntaxes = [EXPLICIT_VR_LITTLE_ENDIAN, IMPLICIT_VR_LITTLE_ENDIAN];
        let contexts = vec![ContextRequest::scu(sop_class::STUDY_ROOT_MOVE, &syntaxes)];
        let mut role = None;
        let outcome = self.converse(source, contexts, |turn, association| match turn {
            Turn::Begin => {
                let destination = source.move_destination.as_str();
                role = Some(Move::start(association, sop_class::STUDY_ROOT_MOVE, destination, &identifier)?);
                Ok(None)
            }
            Turn::Event(event) => match role.as_mut().map(|role| role.handle(&event)) {
                Some(Moved::Done(outcome)) => Ok(Some(outcome)),
                _ => Ok(None),
            },
        })?;
        retrieved(&outcome, 0)
    }

    /// One association for one question: `speak` is given its turn until it has an answer, then the association is released.
    fn converse<T>(
        &self,
        source: &Source,
        contexts: Vec<ContextRequest>,
        mut speak: impl FnMut(Turn, &mut Association) -> Result<Option<T>, AeError>,
    ) -> Result<T, AeError> {
        let mut link = self.connect(source)?;
        let wait = &source.timeouts;
        let timers = timers(wait.association_s, wait.answer_s, wait.answer_s);
        let request = Request {
            calling_ae: title(&source.calling_ae_title)?,
            called_ae: title(&source.ae_title)?,
            contexts,
        };
        let limits = pdu_limits(self.config.limits.pdu_bytes_max);
        let mut association = Association::request(&request, limits, timers, self.clock.elapsed());
        let mut answer: Option<Result<T, AeError>> = None;
        drive(&mut link, &mut association, self.clock.as_ref(), &self.stop, |event, association| {
            if answer.is_some() {
                return;
            }
            let turn = match event {
                Event::Established(_) => speak(Turn::Begin, association),
                Event::Rejected(rejection) => Err(AeError::Rejected(rejection)),
                Event::Aborted(cause) => Err(AeError::Broken(cause)),
                Event::Released => Err(AeError::Ended),
                other => speak(Turn::Event(other), association),
            };
            match turn {
                Ok(None) => {}
                Ok(Some(value)) => {
                    answer = Some(Ok(value));
                    association.release(self.clock.elapsed());
                }
                Err(error) => {
                    answer = Some(Err(error));
                    association.abort(self.clock.elapsed());
                }
            }
        });
        answer.unwrap_or(Err(AeError::Ended))
    }

    fn connect(&self, source: &Source) -> Result<Link, AeError> {
        let (host, port) = (source.endpoint.host.as_str(), source.endpoint.port);
        let unreachable = |error| AeError::Unreachable { host: host.to_owned(), port, error };
        let wait = Duration::from_secs(u64::from(source.timeouts.connect_s));
        let mut last = std::io::ErrorKind::AddrNotAvailable.into();
        for address in (host, port).to_socket_addrs().map_err(unreachable)? {
            match TcpStream::connect_timeout(&address, wait) {
                Ok(tcp) => {
                    Link::tune(&tcp).map_err(unreachable)?;
                    let Some(tls) = &source.tls else { return Ok(Link::Plain(tcp)) };
                    let name = tls.server_name.as_deref().unwrap_or(host);
                    return tls::call(tcp, tls::caller(tls)?, name).map_err(unreachable);
                }
                Err(error) => last = error,
            }
        }
        Err(unreachable(last))
    }
}

/// Whose turn it is in a conversation.
enum Turn {
    /// The association is established: ask.
    Begin,
    /// Something came.
    Event(Event),
}

fn retrieved(outcome: &Outcome, stored: u64) -> Result<Retrieved, AeError> {
    let status = outcome.response.status;
    // B000: some sub-operations failed; what came is ours, the rest is asked for again.
    if status.class() == StatusClass::Failure && stored == 0 {
        return Err(AeError::Failed(status));
    }
    let counts = &outcome.response.counts;
    let number = |n: Option<u16>| u64::from(n.unwrap_or(0));
    Ok(Retrieved {
        stored,
        failed: number(counts.failed),
        completed: number(counts.completed) + number(counts.warning),
        is_complete: status == Status::SUCCESS && number(counts.failed) == 0,
    })
}

fn retrieve_identifier(level: Level, keys: &Dataset) -> Dataset {
    let mut identifier = keys.clone();
    identifier.put(Element::text_of(tags::QUERY_RETRIEVE_LEVEL, VR::CS, level_name(level)));
    identifier
}

/// Query/Retrieve Level (0008,0052), PS3.4 §C.3.
fn level_name(level: Level) -> &'static str {
    match level {
        Level::Study => "STUDY",
        Level::Series => "SERIES",
        Level::Image => "IMAGE",
    }
}

fn title(title: &crate::config::AeTitle) -> Result<AeTitle, AeError> {
    AeTitle::parse(title.as_str()).map_err(|_| AeError::Role(RoleError::NoContext))
}
