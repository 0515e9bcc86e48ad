use std::net::Ipv4Addr;

use proptest::prelude::*;

use super::*;

fn asked(name: &str, kind: RecordType, edns_payload: Option<u16>) -> Vec<u8> {
    let mut message = Message::new(7, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = true;
    message.add_query(hickory_proto::op::Query::query(Name::from_ascii(name).unwrap(), kind));
    if let Some(payload) = edns_payload {
        let mut edns = Edns::new();
        edns.set_max_payload(payload);
        message.set_edns(edns);
    }
    message.to_vec().unwrap()
}

fn question(bytes: &[u8], carrier: Carrier) -> Query {
    match Query::read(bytes, carrier) {
        Asked::Question(query) => *query,
        other => panic!("{other:?}"),
    }
}

fn code(reply: &[u8]) -> (u16, ResponseCode) {
    let reply = Message::from_vec(reply).unwrap();
    (reply.metadata.id, reply.metadata.response_code)
}

fn many(count: u8) -> Found {
    Found::Addresses((0..count).map(|last| Ipv4Addr::new(10, 0, 0, last)).collect())
}

#[test]
fn the_answer_has_edns_exactly_when_the_question_has() {
    for payload in [None, Some(4096)] {
        let query = question(&asked("Compute2.", RecordType::A, payload), Carrier::Udp);
        let reply = Message::from_vec(&query.answer(many(1)).unwrap()).unwrap();
        assert_eq!(reply.edns.is_some(), payload.is_some());
        assert!(reply.metadata.authoritative && reply.metadata.recursion_available && reply.metadata.recursion_desired);
        assert_eq!((reply.metadata.id, reply.answers.len()), (7, 1));
        assert_eq!(reply.queries[0].name().to_string(), "Compute2.", "letter by letter as it was asked");
        let onward = Message::from_vec(&query.onward(99)).unwrap();
        assert_eq!((onward.metadata.id, onward.edns.is_some()), (99, payload.is_some()));
    }
}

#[test]
fn a_reply_that_does_not_fit_a_datagram_sends_the_asker_to_tcp() {
    let bytes = asked("compute2.", RecordType::A, None);
    let by_udp = question(&bytes, Carrier::Udp).answer(many(200)).unwrap();
    assert!(by_udp.len() <= 512);
    assert!(Message::from_vec(&by_udp).unwrap().metadata.truncation);
    let by_tcp = question(&bytes, Carrier::Tcp).answer(many(200)).unwrap();
    assert_eq!(Message::from_vec(&by_tcp).unwrap().answers.len(), 200);
    for (payload, fits) in [(512, false), (1232, true), (65_535, true)] {
        let with_edns = question(&asked("compute2.", RecordType::A, Some(payload)), Carrier::Udp);
        let reply = with_edns.answer(many(60)).unwrap();
        assert_eq!(!Message::from_vec(&reply).unwrap().metadata.truncation, fits, "{payload}");
    }
}

#[test]
fn only_the_reply_to_this_very_question_is_taken_back() {
    let query = question(&asked("www.example.org.", RecordType::A, None), Carrier::Udp);
    let other = question(&asked("www.example.com.", RecordType::A, None), Carrier::Udp);
    let resolved = |query: &Query, id| {
        let onward = question(&query.onward(id), Carrier::Udp);
        onward.answer(many(2)).unwrap()
    };
    let reply = query.take_back(4711, &resolved(&query, 4711)).unwrap();
    assert_eq!(code(&reply), (7, ResponseCode::NoError));
    assert_eq!(query.take_back(4712, &resolved(&query, 4711)), None, "another number");
    assert_eq!(query.take_back(4711, &resolved(&other, 4711)), None, "another question");
    assert_eq!(query.take_back(4711, &query.onward(4711)), None, "the question itself");
    assert_eq!(query.take_back(4711, &resolved(&query, 4711)[..20]), None, "cut off");
    let failed = query.failure(ResponseCode::ServFail);
    assert!(Query::is_failure(&failed) && !Query::is_failure(&reply));
}

#[test]
fn what_is_no_question_is_refused_or_left_alone() {
    let refused = |bytes: &[u8]| match Query::read(bytes, Carrier::Udp) {
        Asked::Refused(reply) => code(&reply).1,
        other => panic!("{other:?}"),
    };
    let plain = asked("compute2.", RecordType::A, None);
    let changed = |place: usize, byte: u8| {
        let mut bytes = plain.clone();
        bytes[place] = byte;
        bytes
    };
    assert_eq!(refused(&changed(2, 0x28)), ResponseCode::NotImp, "an update");
    assert_eq!(refused(&changed(4, 0xff)), ResponseCode::FormErr, "65,281 questions");
    assert_eq!(refused(&changed(5, 0)), ResponseCode::FormErr, "no question");
    assert_eq!(refused(&plain[..20]), ResponseCode::FormErr, "half a question");
    assert_eq!(refused(&changed(plain.len() - 1, 3)), ResponseCode::Refused, "class CH");
    assert_eq!(refused(&asked("example.org.", RecordType::AXFR, None)), ResponseCode::Refused);
    let mut newer = Message::from_vec(&asked("a.b.", RecordType::A, Some(1232))).unwrap();
    newer.edns.as_mut().unwrap().set_version(1);
    assert_eq!(u16::from(refused(&newer.to_vec().unwrap())), u16::from(ResponseCode::BADVERS));
    assert!(matches!(Query::read(&changed(2, 0x80), Carrier::Udp), Asked::Silence), "a reply");
    assert!(matches!(Query::read(&plain[..11], Carrier::Udp), Asked::Silence));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]
    #[test]
    fn no_bytes_harm_and_no_answer_is_a_question(
        head in prop::collection::vec(any::<u8>(), 0..12),
        cut in 0_usize..60,
        flips in prop::collection::vec((0_usize..60, any::<u8>()), 0..6),
    ) {
        let mut bytes = asked("2.0.168.192.in-addr.arpa.", RecordType::PTR, Some(1232));
        bytes.truncate(cut);
        for (place, byte) in flips {
            if let Some(there) = bytes.get_mut(place) { *there ^= byte; }
        }
        for bytes in [bytes, head] {
            let reply = match Query::read(&bytes, Carrier::Udp) {
                Asked::Question(query) => {
                    let _ = query.take_back(1, &bytes);
                    prop_assert!(!query.onward(1).is_empty());
                    query.failure(ResponseCode::ServFail)
                }
                Asked::Refused(reply) => reply,
                Asked::Silence => continue,
            };
            prop_assert!(matches!(Query::read(&reply, Carrier::Udp), Asked::Silence));
            prop_assert!(reply.len() <= bytes.len() + 11, "{} for {}", reply.len(), bytes.len());
        }
    }
}
