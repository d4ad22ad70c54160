//! Each service between two associations in one thread (PS3.4 Annex A, B, C).

use super::scp::{Asked, GetNeeds, Provider};
use super::scu::{Found, Got, Moved};
use super::*;
use crate::association::pair::{Pair, limits};
use crate::association::{ContextRequest, Event};
use crate::dataset::Dataset;
use crate::dimse::{Counts, Status};
use crate::pdu::{ContextRefusal, Roles};
use crate::tag::{VR, tags};
use crate::uid::{sop_class, transfer_syntax};

const IMPLICIT: &str = transfer_syntax::IMPLICIT_VR_LITTLE_ENDIAN;
const EXPLICIT: &str = transfer_syntax::EXPLICIT_VR_LITTLE_ENDIAN;
const SERVES: [&str; 3] = [sop_class::STUDY_ROOT_FIND, sop_class::STUDY_ROOT_GET, sop_class::STUDY_ROOT_MOVE];

/// A pair whose acceptor is an archive that takes what is proposed first.
fn archive_pair(contexts: Vec<ContextRequest>, pdu_bytes_max: u32) -> Pair {
    Pair::established(contexts, limits(pdu_bytes_max), limits(pdu_bytes_max), |proposal| {
        accept(proposal, &SERVES, |class, syntaxes| {
            syntaxes.first().map(String::as_str).filter(|_| is_storage_class(class))
        })
    })
}

fn instance(number: usize, transfer_syntax: &str) -> Instance {
    Instance {
        sop_class: sop_class::CT_IMAGE.to_owned(),
        sop_instance: format!("1.2.3.{number}"),
        transfer_syntax: transfer_syntax.to_owned(),
    }
}

fn keys() -> Dataset {
    let mut keys = Dataset::new();
    keys.put_text(tags::QUERY_RETRIEVE_LEVEL, VR::CS, "STUDY");
    keys.put_text(tags::STUDY_INSTANCE_UID, VR::UI, "1.2.3");
    keys
}

/// Bytes that differ everywhere, so that a piece lost or swapped is seen.
fn body(length: usize) -> Vec<u8> {
    (0..length).map(|at| u8::try_from((at * 31 + at / 251) % 256).unwrap()).collect()
}

/// Sends one instance and returns what arrived and what was answered.
fn store(
    pair: &mut Pair,
    instance: &Instance,
    bytes: &[u8],
    piece: usize,
    answer: Status,
) -> (Vec<u8>, Status) {
    let mut store = scu::Store::start(&mut pair.requestor, instance, None).unwrap();
    let mut provider = Provider::new();
    let mut pieces = bytes.chunks(piece).peekable();
    let mut received = Vec::new();
    loop {
        while pair.requestor.wants_data() {
            let Some(piece) = pieces.next() else { break };
            store.send(&mut pair.requestor, piece, pieces.peek().is_none()).unwrap();
        }
        pair.carry();
        for event in pair.acceptor_events() {
            match provider.handle(&mut pair.acceptor, event).unwrap() {
                Asked::Store(incoming) => {
                    assert_eq!(incoming.request.sop_instance, instance.sop_instance);
                    assert_eq!(incoming.transfer_syntax, instance.transfer_syntax);
                }
                Asked::Data { bytes, last } => {
                    received.extend_from_slice(&bytes);
                    if last {
                        provider.answer_store(&mut pair.acceptor, answer).unwrap();
                    }
                }
                Asked::Nothing => {}
                other => panic!("{other:?}"),
            }
        }
        pair.carry();
        for event in pair.requestor_events() {
            if let Some(response) = store.handle(&mut pair.requestor, &event).unwrap() {
                assert_eq!(response.sop_instance, instance.sop_instance);
                return (received, response.status);
            }
        }
    }
}

#[test]
fn verification() {
    let mut pair = archive_pair(vec![ContextRequest::scu(sop_class::VERIFICATION, &[IMPLICIT])], 16384);
    let mut echo = scu::Echo::start(&mut pair.requestor).unwrap();
    pair.carry();
    let mut provider = Provider::new();
    for event in pair.acceptor_events() {
        assert!(matches!(provider.handle(&mut pair.acceptor, event), Ok(Asked::Nothing)));
    }
    pair.carry();
    let answers: Vec<_> = pair.requestor_events().iter().filter_map(|event| echo.handle(event)).collect();
    assert_eq!(answers, [Status::SUCCESS]);
}

#[test]
fn a_mebibyte_goes_through_pdus_of_16_kib_unchanged_whatever_the_pieces() {
    let bytes = body(1 << 20);
    for piece in [1000, 16_378, 65_537, 1 << 20] {
        let mut pair = archive_pair(vec![ContextRequest::scu(sop_class::CT_IMAGE, &[EXPLICIT])], 16 * 1024);
        let (received, status) = store(&mut pair, &instance(1, EXPLICIT), &bytes, piece, Status::SUCCESS);
        assert_eq!(received, bytes);
        assert_eq!(status, Status::SUCCESS);
    }
}

#[test]
fn a_full_disk_is_told_to_the_sender() {
    let mut pair = archive_pair(vec![ContextRequest::scu(sop_class::CT_IMAGE, &[IMPLICIT])], 16384);
    let (_, status) = store(&mut pair, &instance(1, IMPLICIT), &body(10), 10, Status::OUT_OF_RESOURCES);
    assert_eq!(status, Status::OUT_OF_RESOURCES);
}

#[test]
fn an_instance_without_an_accepted_context_is_not_sent() {
    let mut pair = archive_pair(vec![ContextRequest::scu(sop_class::CT_IMAGE, &[IMPLICIT])], 16384);
    let wrong_syntax = scu::Store::start(&mut pair.requestor, &instance(1, EXPLICIT), None);
    assert!(matches!(wrong_syntax, Err(RoleError::NoContext)));
}

#[test]
fn a_query_gets_its_matches_and_a_last_response() {
    let contexts = vec![ContextRequest::scu(sop_class::STUDY_ROOT_FIND, &[EXPLICIT, IMPLICIT])];
    let mut pair = archive_pair(contexts, 16384);
    let mut find = scu::Find::start(&mut pair.requestor, sop_class::STUDY_ROOT_FIND, &keys()).unwrap();
    let mut provider = Provider::new();
    let mut found = Vec::new();
    let status = loop {
        pair.carry();
        for event in pair.acceptor_events() {
            if let Asked::Find(query) = provider.handle(&mut pair.acceptor, event).unwrap() {
                assert_eq!(query.identifier.text(tags::STUDY_INSTANCE_UID), Some("1.2.3"));
                let mut matches = (0..3).map(|number| {
                    let mut found = keys();
                    found.put_text(tags::STUDY_INSTANCE_UID, VR::UI, &format!("1.2.{number}"));
                    found
                });
                assert!(scp::Find::new(query).answer(&mut pair.acceptor, &mut matches).unwrap());
            }
        }
        pair.carry();
        let mut done = None;
        for event in pair.requestor_events() {
            match find.handle(&event).unwrap() {
                Found::Match(identifier) => {
                    found.push(identifier.text(tags::STUDY_INSTANCE_UID).unwrap().to_owned());
                }
                Found::Done(response) => done = Some(response.status),
                Found::Waiting => {}
            }
        }
        if let Some(status) = done {
            break status;
        }
    };
    assert_eq!((found, status), (vec!["1.2.0".into(), "1.2.1".into(), "1.2.2".into()], Status::SUCCESS));
}

#[test]
fn an_endless_query_waits_for_the_reader_and_ends_when_cancelled() {
    let contexts = vec![ContextRequest::scu(sop_class::STUDY_ROOT_FIND, &[EXPLICIT])];
    let mut pair = archive_pair(contexts, 16384);
    let mut find = scu::Find::start(&mut pair.requestor, sop_class::STUDY_ROOT_FIND, &keys()).unwrap();
    let mut provider = Provider::new();
    pair.carry();
    let asked: Vec<_> = pair.acceptor_events();
    let mut serving = None;
    for event in asked {
        if let Asked::Find(query) = provider.handle(&mut pair.acceptor, event).unwrap() {
            serving = Some(scp::Find::new(query));
        }
    }
    let mut serving = serving.unwrap();
    assert!(!serving.answer(&mut pair.acceptor, &mut std::iter::repeat_with(keys)).unwrap());
    assert!(pair.acceptor.queued_bytes() < 2 * crate::association::SEND_QUEUE_BYTES_MAX);
    find.cancel(&mut pair.requestor).unwrap();
    pair.carry();
    for event in pair.acceptor_events() {
        if let Asked::Cancel(message_id) = provider.handle(&mut pair.acceptor, event).unwrap() {
            assert_eq!(message_id, serving.query().message_id());
            serving.finish(&mut pair.acceptor, Status::CANCEL).unwrap();
        }
    }
    pair.carry();
    let last = pair.requestor_events().iter().map(|event| find.handle(event).unwrap()).last();
    assert!(matches!(last, Some(Found::Done(response)) if response.status == Status::CANCEL));
}

/// What came of a C-GET: instances in order with their bytes, progress, the outcome.
struct Retrieved {
    instances: Vec<(String, Vec<u8>)>,
    progress: Vec<Counts>,
    outcome: scu::Outcome,
}

/// Serves `held` by C-GET; `missing` cannot be opened; the requestor refuses `refused` at once.
fn get(pair: &mut Pair, held: &[(Instance, Vec<u8>)], missing: &[usize], refused: &[&str]) -> Retrieved {
    let mut get = scu::Get::start(&mut pair.requestor, sop_class::STUDY_ROOT_GET, &keys()).unwrap();
    let mut provider = Provider::new();
    let mut serving: Option<scp::Get> = None;
    let mut cursor = 0;
    let mut instances: Vec<(String, Vec<u8>)> = Vec::new();
    let mut progress = Vec::new();
    loop {
        pair.carry();
        for event in pair.acceptor_events() {
            match provider.handle(&mut pair.acceptor, event).unwrap() {
                Asked::Get(query) => {
                    serving = Some(scp::Get::new(query, held.iter().map(|(what, _)| what.clone()).collect()));
                }
                Asked::Other(event) => serving.as_mut().unwrap().handle(&mut pair.acceptor, &event).unwrap(),
                Asked::Nothing => {}
                other => panic!("{other:?}"),
            }
        }
        if let Some(serving) = &mut serving {
            loop {
                match serving.next(&mut pair.acceptor).unwrap() {
                    GetNeeds::Open(at) if missing.contains(&at) => serving.skip(&mut pair.acceptor).unwrap(),
                    GetNeeds::Open(_) => {
                        cursor = 0;
                        serving.begin(&mut pair.acceptor).unwrap();
                    }
                    GetNeeds::Data(at) => {
                        let bytes = &held[at].1;
                        let end = (cursor + 5_000).min(bytes.len());
                        serving.send(&mut pair.acceptor, &bytes[cursor..end], end == bytes.len()).unwrap();
                        cursor = end;
                    }
                    GetNeeds::Nothing | GetNeeds::Over => break,
                }
            }
        }
        pair.carry();
        for event in pair.requestor_events() {
            match get.handle(&mut pair.requestor, event).unwrap() {
                Got::Instance(incoming) => {
                    let name = incoming.request.sop_instance;
                    if refused.contains(&name.as_str()) {
                        get.answer(&mut pair.requestor, Status::OUT_OF_RESOURCES).unwrap();
                    } else {
                        instances.push((name, Vec::new()));
                    }
                }
                Got::Data { bytes, last } => {
                    instances.last_mut().unwrap().1.extend_from_slice(&bytes);
                    if last {
                        get.answer(&mut pair.requestor, Status::SUCCESS).unwrap();
                    }
                }
                Got::Progress(counts) => progress.push(counts),
                Got::Done(outcome) => return Retrieved { instances, progress, outcome },
                Got::Waiting => {}
            }
        }
    }
}

#[test]
fn retrieval_interleaves_instances_and_progress_on_one_association() {
    let jpeg = transfer_syntax::JPEG_BASELINE;
    let contexts = contexts_for_get(
        sop_class::STUDY_ROOT_GET,
        [(sop_class::CT_IMAGE, Some(EXPLICIT)), (sop_class::CT_IMAGE, Some(jpeg))],
    );
    let mut pair = archive_pair(contexts, 16 * 1024);
    let held = [
        (instance(1, EXPLICIT), body(40_000)),
        (instance(2, jpeg), body(7)),
        (instance(3, EXPLICIT), body(16_378)),
    ];
    let retrieved = get(&mut pair, &held, &[], &[]);
    let expected: Vec<_> =
        held.iter().map(|(what, bytes)| (what.sop_instance.clone(), bytes.clone())).collect();
    assert_eq!(retrieved.instances, expected);
    let remaining: Vec<_> = retrieved.progress.iter().map(|counts| counts.remaining.unwrap()).collect();
    assert_eq!(remaining, [2, 1]);
    assert_eq!(retrieved.outcome.response.status, Status::SUCCESS);
    let counts = Counts { remaining: None, completed: Some(3), failed: Some(0), warning: Some(0) };
    assert_eq!(retrieved.outcome.response.counts, counts);
}

#[test]
fn a_retrieval_that_came_short_says_which_instances_failed() {
    let contexts = contexts_for_get(sop_class::STUDY_ROOT_GET, [(sop_class::CT_IMAGE, Some(EXPLICIT))]);
    let mut pair = archive_pair(contexts, 16 * 1024);
    let jpeg = transfer_syntax::JPEG_BASELINE;
    let held = [
        (instance(1, EXPLICIT), body(1_500_000)),
        (instance(2, EXPLICIT), body(10)),
        (instance(3, jpeg), body(10)),
        (instance(4, EXPLICIT), body(10)),
    ];
    let retrieved = get(&mut pair, &held, &[1], &["1.2.3.1"]);
    assert_eq!(retrieved.instances, [("1.2.3.4".to_owned(), body(10))]);
    assert_eq!(retrieved.outcome.response.status, Status::WARNING);
    assert_eq!(retrieved.outcome.failed_instances, ["1.2.3.1", "1.2.3.2", "1.2.3.3"]);
    let counts = Counts { remaining: None, completed: Some(1), failed: Some(3), warning: Some(0) };
    assert_eq!(retrieved.outcome.response.counts, counts);
}

#[test]
fn nothing_retrieved_at_all_is_a_failure() {
    let contexts = contexts_for_get(sop_class::STUDY_ROOT_GET, [(sop_class::CT_IMAGE, Some(EXPLICIT))]);
    let mut pair = archive_pair(contexts, 16 * 1024);
    let retrieved = get(&mut pair, &[(instance(1, EXPLICIT), body(10))], &[0], &[]);
    assert_eq!(retrieved.outcome.response.status, Status::UNABLE_TO_PERFORM);
}

#[test]
fn a_move_reports_its_sub_operations() {
    let contexts = vec![ContextRequest::scu(sop_class::STUDY_ROOT_MOVE, &[IMPLICIT])];
    let mut pair = archive_pair(contexts, 16384);
    let mut asked =
        scu::Move::start(&mut pair.requestor, sop_class::STUDY_ROOT_MOVE, "HUB", &keys()).unwrap();
    pair.carry();
    let mut provider = Provider::new();
    for event in pair.acceptor_events() {
        if let Asked::Move(query, destination) = provider.handle(&mut pair.acceptor, event).unwrap() {
            assert_eq!(destination, "HUB");
            assert_eq!(query.originator("SCU").message_id, asked.message_id());
            let mut serving = scp::Move::new(query, 2);
            serving.report(&mut pair.acceptor, &instance(1, EXPLICIT), Some(Status::SUCCESS)).unwrap();
            serving.report(&mut pair.acceptor, &instance(2, EXPLICIT), None).unwrap();
            serving.finish(&mut pair.acceptor, false).unwrap();
        }
    }
    pair.carry();
    let heard: Vec<_> = pair.requestor_events().iter().map(|event| asked.handle(event)).collect();
    assert!(heard.iter().any(|moved| matches!(moved, Moved::Progress(Counts { remaining: Some(1), .. }))));
    let Some(Moved::Done(outcome)) = heard.last() else { panic!("{heard:?}") };
    assert_eq!(outcome.response.status, Status::WARNING);
    assert_eq!(outcome.failed_instances, ["1.2.3.2"]);
}

#[test]
fn an_unknown_move_destination_is_a_failure() {
    let contexts = vec![ContextRequest::scu(sop_class::STUDY_ROOT_MOVE, &[IMPLICIT])];
    let mut pair = archive_pair(contexts, 16384);
    let mut asked =
        scu::Move::start(&mut pair.requestor, sop_class::STUDY_ROOT_MOVE, "NOBODY", &keys()).unwrap();
    pair.carry();
    let mut provider = Provider::new();
    for event in pair.acceptor_events() {
        if let Asked::Move(query, _) = provider.handle(&mut pair.acceptor, event).unwrap() {
            query.refuse(&mut pair.acceptor, Status::MOVE_DESTINATION_UNKNOWN).unwrap();
        }
    }
    pair.carry();
    let events = pair.requestor_events();
    let Moved::Done(outcome) = asked.handle(&events[0]) else { panic!("{events:?}") };
    assert_eq!(outcome.response.status, Status::MOVE_DESTINATION_UNKNOWN);
}

#[test]
fn contexts_for_a_retrieval_have_one_syntax_each_and_fit() {
    let classes: Vec<String> = (0..60).map(|number| format!("1.2.840.10008.5.1.4.1.1.{number}")).collect();
    let held = classes.iter().map(|class| (class.as_str(), Some(transfer_syntax::JPEG_2000_LOSSLESS)));
    let contexts = contexts_for_get(sop_class::STUDY_ROOT_GET, held);
    assert_eq!(contexts.len(), 128);
    assert_eq!(contexts[0].abstract_syntax, sop_class::STUDY_ROOT_GET);
    assert!(contexts[1..].iter().all(|context| context.transfer_syntaxes.len() == 1));
    assert!(contexts[1..].iter().all(|context| context.roles == Roles::SCP));
    // What is known comes first, then Explicit VR for every class.
    assert!(contexts[1..61].iter().all(|c| c.transfer_syntaxes[0] == transfer_syntax::JPEG_2000_LOSSLESS));
    assert!(contexts[61..121].iter().all(|c| c.transfer_syntaxes[0] == EXPLICIT));
}

#[test]
fn what_an_archive_does_not_say_is_asked_for_plain_first_and_then_in_what_is_common() {
    let contexts = contexts_for_get(sop_class::STUDY_ROOT_GET, [(sop_class::CT_IMAGE, None)]);
    let syntaxes: Vec<&str> = contexts[1..].iter().map(|c| c.transfer_syntaxes[0].as_str()).collect();
    assert_eq!(syntaxes[..2], [EXPLICIT, IMPLICIT]);
    // JPEG of every kind that is in use (PS3.5 §A.4), and RLE: else an archive decompresses, or gives nothing.
    for wanted in ["4.50", "4.51", "4.57", "4.70", "4.80", "4.81", "4.90", "4.91", "5"] {
        let uid = format!("1.2.840.10008.1.2.{wanted}");
        assert!(syntaxes[2..].contains(&uid.as_str()), "{uid}");
    }
    // As many classes as are asked for where an archive tells nothing at all.
    let classes: Vec<String> = (0..10).map(|number| format!("1.2.840.10008.5.1.4.1.1.{number}")).collect();
    let all = contexts_for_get(sop_class::STUDY_ROOT_GET, classes.iter().map(|class| (class.as_str(), None)));
    assert_eq!(all.len(), 1 + classes.len() * syntaxes.len());
}

#[test]
fn role_selection_on_every_context_does_not_stall_the_acceptor() {
    // 127 storage classes, each with a role selection item: public acceptors have hung on this.
    let classes: Vec<String> = (0..127).map(|number| format!("1.2.840.10008.5.1.4.1.1.{number}")).collect();
    let mut contexts = vec![ContextRequest::scu(sop_class::STUDY_ROOT_GET, &[EXPLICIT])];
    contexts.extend(classes.iter().map(|class| ContextRequest::scp(class, &[EXPLICIT])));
    let pair = archive_pair(contexts, 16384);
    let agreed = pair.requestor.agreed().unwrap();
    assert_eq!(agreed.contexts.len(), 128);
    assert!(agreed.contexts[1..].iter().all(|context| context.we_are_scp && !context.we_are_scu));
    let archive = pair.acceptor.agreed().unwrap();
    assert!(classes.iter().all(|class| archive.context_for(class, EXPLICIT).is_some()));
}

#[test]
fn a_storage_acceptor_takes_what_policy_picks_and_says_why_not() {
    let contexts = vec![
        ContextRequest::scu(sop_class::CT_IMAGE, &[IMPLICIT, transfer_syntax::JPEG_BASELINE]),
        ContextRequest::scu(sop_class::MR_IMAGE, &[IMPLICIT]),
        ContextRequest::scu(sop_class::STUDY_ROOT_FIND, &[IMPLICIT]),
        ContextRequest::scu(sop_class::VERIFICATION, &[IMPLICIT]),
    ];
    let pair = Pair::established(contexts, limits(16384), limits(16384), |proposal| {
        accept_storage(proposal, |_, syntaxes| {
            syntaxes.iter().map(String::as_str).find(|&syntax| syntax == transfer_syntax::JPEG_BASELINE)
        })
    });
    let agreed = pair.requestor.agreed().unwrap();
    let accepted: Vec<_> = agreed.contexts.iter().map(|c| (c.id, c.transfer_syntax.as_str())).collect();
    assert_eq!(accepted, [(1, transfer_syntax::JPEG_BASELINE), (7, IMPLICIT)]);
    let refused: Vec<_> = agreed.refused.iter().map(|(id, _, why)| (*id, *why)).collect();
    assert_eq!(
        refused,
        [(3, ContextRefusal::TransferSyntaxesNotSupported), (5, ContextRefusal::AbstractSyntaxNotSupported)]
    );
}

#[test]
fn roles_not_asked_for_are_not_given() {
    let pair = archive_pair(vec![ContextRequest::scu(sop_class::CT_IMAGE, &[EXPLICIT])], 16384);
    assert!(pair.acceptor.agreed().unwrap().context_for(sop_class::CT_IMAGE, EXPLICIT).is_none());
}

#[test]
fn an_instance_on_a_context_of_another_class_is_refused_with_its_own_answer() {
    let mut pair = archive_pair(vec![ContextRequest::scu(sop_class::CT_IMAGE, &[EXPLICIT])], 16384);
    let request = crate::dimse::StoreRequest {
        message_id: 7,
        sop_class: sop_class::MR_IMAGE.to_owned(),
        sop_instance: "1.2.3".to_owned(),
        priority: Default::default(),
        move_originator: None,
    };
    pair.requestor.send(1, &crate::dimse::Command::StoreRq(request), Some(&body(100))).unwrap();
    pair.carry();
    let mut provider = Provider::new();
    for event in pair.acceptor_events() {
        assert!(matches!(provider.handle(&mut pair.acceptor, event), Ok(Asked::Nothing)));
    }
    pair.carry();
    let events = pair.requestor_events();
    let [Event::Command { command, .. }] = &events[..] else { panic!("{events:?}") };
    let response = command.response().unwrap();
    assert_eq!((response.responded_to, response.status), (7, Status::SOP_CLASS_NOT_SUPPORTED));
}

#[test]
fn nothing_that_is_carried_prints() {
    const SECRET: &[u8] = b"SENTINEL^ANNA";
    let mut keys = keys();
    keys.put_text(tags::PATIENT_NAME, VR::PN, "SENTINEL^ANNA");
    let contexts = vec![
        ContextRequest::scu(sop_class::CT_IMAGE, &[EXPLICIT]),
        ContextRequest::scu(sop_class::STUDY_ROOT_FIND, &[EXPLICIT]),
    ];
    let mut pair = archive_pair(contexts, 16384);
    let mut printed = String::new();
    let mut store = scu::Store::start(&mut pair.requestor, &instance(4711, EXPLICIT), None).unwrap();
    store.send(&mut pair.requestor, SECRET, false).unwrap();
    printed += &format!("{store:?} {:?}", pair.requestor);
    store.send(&mut pair.requestor, SECRET, true).unwrap();
    scu::Find::start(&mut pair.requestor, sop_class::STUDY_ROOT_FIND, &keys).unwrap();
    printed += &format!("{:?}", pair.requestor);
    pair.carry();
    let mut provider = Provider::new();
    for event in pair.acceptor_events() {
        printed += &format!("{event:?} {provider:?} ");
        let asked = provider.handle(&mut pair.acceptor, event).unwrap();
        printed += &format!("{asked:?} {provider:?} {:?} ", pair.acceptor);
    }
    assert!(printed.contains("Find") && printed.contains("Data"));
    let as_numbers = format!("{SECRET:?}");
    for secret in ["SENTINEL", "4711", as_numbers.trim_matches(['[', ']'])] {
        assert!(!printed.contains(secret), "{printed}");
    }
}

#[test]
fn within_a_retrieval_the_archive_waits_for_us_and_not_we_for_it() {
    let contexts = contexts_for_get(sop_class::STUDY_ROOT_GET, [(sop_class::CT_IMAGE, Some(EXPLICIT))]);
    let mut pair = archive_pair(contexts, 16384);
    let mut get = scu::Get::start(&mut pair.requestor, sop_class::STUDY_ROOT_GET, &keys()).unwrap();
    pair.carry();
    let response = crate::association::Timers::default().response;
    assert_eq!(pair.requestor.poll_timeout(), Some(pair.now + response));
    let mut provider = Provider::new();
    let mut serving = None;
    for event in pair.acceptor_events() {
        if let Asked::Get(query) = provider.handle(&mut pair.acceptor, event).unwrap() {
            serving = Some(scp::Get::new(query, vec![instance(1, EXPLICIT), instance(2, EXPLICIT)]));
        }
    }
    let mut serving = serving.unwrap();
    assert_eq!(serving.next(&mut pair.acceptor).unwrap(), GetNeeds::Open(0));
    serving.begin(&mut pair.acceptor).unwrap();
    serving.send(&mut pair.acceptor, b"data", true).unwrap();
    pair.carry();
    // We have to make the instance durable: our time is our own, the archive's patience is its own.
    assert_eq!(pair.requestor.poll_timeout(), None);
    assert_eq!(pair.acceptor.poll_timeout(), Some(pair.now + response));
    // Cancelled meanwhile: the instance at work is finished, the next one is not begun.
    get.cancel(&mut pair.requestor).unwrap();
    for event in pair.requestor_events() {
        if let Got::Data { last: true, .. } = get.handle(&mut pair.requestor, event).unwrap() {
            get.answer(&mut pair.requestor, Status::SUCCESS).unwrap();
        }
    }
    pair.carry();
    for event in pair.acceptor_events() {
        match provider.handle(&mut pair.acceptor, event).unwrap() {
            Asked::Cancel(_) => serving.cancel(),
            Asked::Other(event) => serving.handle(&mut pair.acceptor, &event).unwrap(),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(serving.next(&mut pair.acceptor).unwrap(), GetNeeds::Over);
    pair.carry();
    let mut outcome = None;
    for event in pair.requestor_events() {
        if let Got::Done(done) = get.handle(&mut pair.requestor, event).unwrap() {
            outcome = Some(done.response);
        }
    }
    let response = outcome.unwrap();
    assert_eq!(response.status, Status::CANCEL);
    let counts = Counts { remaining: Some(1), completed: Some(1), failed: Some(0), warning: Some(0) };
    assert_eq!(response.counts, counts);
}
