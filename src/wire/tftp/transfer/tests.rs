use super::*;

const MS: Duration = Duration::from_millis(1);

fn transfer(options: &str, content_len: u64) -> Transfer {
    let packet = format!("\0\x01f\0octet\0{}\0", options.replace(' ', "\0"));
    Transfer::new(&Request::parse(packet.as_bytes()).unwrap(), content_len, Limits::for_mtu(1500))
}

/// A windowed transfer whose OACK was answered after 1 ms, with its first window in flight.
fn running(options: &str, content_len: u64) -> Transfer {
    let mut transfer = transfer(options, content_len);
    assert_eq!(transfer.start(Duration::ZERO), Action::SendOack);
    assert!(matches!(transfer.on_packet(&ack(0), MS), Action::SendBlocks(_)));
    transfer
}

fn ack(block: u16) -> [u8; 4] {
    let [high, low] = block.to_be_bytes();
    [0, 4, high, low]
}

#[test]
fn plain_transfer_goes_block_by_block_to_a_short_last_block() {
    let mut transfer = transfer("", 1300);
    assert_eq!(transfer.start(Duration::ZERO), Action::SendBlocks(1..=1));
    assert_eq!(transfer.on_packet(&ack(1), MS), Action::SendBlocks(2..=2));
    assert_eq!(transfer.on_packet(&ack(2), 2 * MS), Action::SendBlocks(3..=3));
    assert_eq!((transfer.bytes_of(2), transfer.bytes_of(3)), (512..1024, 1024..1300));
    assert_eq!(transfer.on_packet(&ack(3), 3 * MS), Action::End(Ending::Finished));
    assert_eq!((transfer.acknowledged_bytes(), transfer.retransmissions()), (1300, 0));
}

#[test]
fn content_of_whole_blocks_ends_with_an_empty_one() {
    for (content_len, last) in [(0, 1), (511, 1), (512, 2), (1024, 3)] {
        let transfer = transfer("", content_len);
        assert_eq!(transfer.last_block(), last, "{content_len} bytes");
        assert_eq!(transfer.bytes_of(last), last * 512 - 512..content_len);
    }
}

#[test]
fn lost_oack_is_sent_again() {
    let mut transfer = transfer("blksize 1468", 5000);
    assert_eq!(transfer.start(Duration::ZERO), Action::SendOack);
    assert_eq!(transfer.on_timeout(499 * MS), Action::Wait);
    assert_eq!(transfer.on_timeout(500 * MS), Action::SendOack);
    assert_eq!(transfer.on_packet(&ack(1), 501 * MS), Action::Wait, "an OACK is acknowledged with block 0");
    assert_eq!(transfer.on_packet(&ack(0), 502 * MS), Action::SendBlocks(1..=1));
    assert_eq!(transfer.retransmissions(), 1);
}

#[test]
fn silent_client_gets_five_retransmissions_and_is_given_up() {
    let mut transfer = transfer("", 5000);
    transfer.start(Duration::ZERO);
    for _ in 0..5 {
        assert_eq!(transfer.on_timeout(transfer.deadline()), Action::SendBlocks(1..=1));
    }
    assert_eq!(transfer.on_timeout(transfer.deadline()), Action::End(Ending::Vanished));
}

#[test]
fn answer_after_a_silence_gives_five_new_tries() {
    let mut transfer = transfer("", 5000);
    transfer.start(Duration::ZERO);
    for block in 1..9 {
        for _ in 0..5 {
            assert_eq!(transfer.on_timeout(transfer.deadline()), Action::SendBlocks(block..=block));
        }
        assert!(matches!(transfer.on_packet(&ack(block as u16), transfer.deadline()), Action::SendBlocks(_)));
    }
}

#[test]
fn missing_last_ack_is_not_a_vanished_client() {
    let mut transfer = transfer("", 100);
    transfer.start(Duration::ZERO);
    assert_eq!(transfer.ended_by_silence(), Ending::Unconfirmed);
    while transfer.on_timeout(transfer.deadline()) != Action::End(Ending::Unconfirmed) {}
}

#[test]
fn answer_to_a_packet_sent_twice_measures_nothing() {
    let mut transfer = running("blksize 1468", 50_000);
    assert_eq!(transfer.deadline(), 31 * MS);
    assert_eq!(transfer.on_timeout(31 * MS), Action::SendBlocks(1..=1));
    assert_eq!(transfer.on_packet(&ack(1), 32 * MS), Action::SendBlocks(2..=2));
    assert_eq!(transfer.deadline(), 232 * MS, "the longer wait stays until a round trip is measured");
    assert_eq!(transfer.on_packet(&ack(2), 53 * MS), Action::SendBlocks(3..=3));
    assert_eq!(transfer.deadline(), 83 * MS);
}

#[test]
fn timeout_of_the_client_is_honoured() {
    let mut transfer = running("timeout 2", 5000);
    assert_eq!(transfer.deadline(), 2001 * MS);
    assert_eq!(transfer.on_timeout(2001 * MS), Action::SendBlocks(1..=1));
    assert_eq!(transfer.deadline(), 4001 * MS);
}

#[test]
fn duplicate_ack_is_never_answered_twice() {
    let mut transfer = transfer("", 5000);
    transfer.start(Duration::ZERO);
    assert_eq!(transfer.on_packet(&ack(1), MS), Action::SendBlocks(2..=2));
    for late in 1..40 {
        assert_eq!(transfer.on_packet(&ack(1), late * MS), Action::Wait);
    }
    assert_eq!(transfer.on_packet(&ack(2), 45 * MS), Action::SendBlocks(3..=3));
    assert_eq!(transfer.on_packet(&ack(1), 46 * MS), Action::Wait, "an ACK of the past");
    assert_eq!(transfer.on_packet(&ack(4), 47 * MS), Action::Wait, "an ACK of the future");
}

#[test]
fn gap_in_a_window_restarts_there_at_once() {
    let mut transfer = running("windowsize 8", 50_000);
    assert_eq!(transfer.on_packet(&ack(8), 2 * MS), Action::SendBlocks(9..=16));
    assert_eq!(transfer.on_packet(&ack(11), 3 * MS), Action::SendBlocks(12..=19));
    assert_eq!(transfer.retransmissions(), 5);
}

#[test]
fn lost_first_block_of_a_window_restarts_when_its_answer_is_overdue() {
    let mut transfer = running("windowsize 8", 50_000);
    transfer.on_packet(&ack(8), 2 * MS);
    assert_eq!(transfer.on_packet(&ack(8), 3 * MS), Action::Wait, "it may be a duplicate");
    assert_eq!(transfer.deadline(), 8 * MS, "a round trip and 5 ms after the window");
    assert_eq!(transfer.on_timeout(transfer.deadline()), Action::SendBlocks(9..=16));
    assert_eq!(transfer.on_packet(&ack(8), 9 * MS), Action::Wait, "the same report again");
    assert_eq!(transfer.on_timeout(transfer.deadline()), Action::SendBlocks(9..=16));
}

#[test]
fn loss_report_that_comes_late_is_believed_at_once() {
    let mut transfer = running("windowsize 8", 50_000);
    transfer.on_packet(&ack(8), 2 * MS);
    assert_eq!(transfer.on_packet(&ack(8), 9 * MS), Action::SendBlocks(9..=16));
}

#[test]
fn time_that_the_server_needed_to_send_is_not_the_clients() {
    let mut transfer = running("windowsize 8", 50_000);
    transfer.on_sent(400 * MS);
    assert_eq!(transfer.deadline(), 430 * MS);
}

#[test]
fn duplicate_ack_of_a_window_sends_nothing_when_the_answer_follows() {
    let mut transfer = running("windowsize 8", 50_000);
    transfer.on_packet(&ack(8), 2 * MS);
    assert_eq!(transfer.on_packet(&ack(8), 2 * MS), Action::Wait);
    assert_eq!(transfer.on_packet(&ack(16), 3 * MS), Action::SendBlocks(17..=24));
    assert_eq!(transfer.on_timeout(4 * MS), Action::Wait);
    assert_eq!(transfer.retransmissions(), 0);
}

#[test]
fn stream_of_loss_reports_pulls_two_windows_and_leaves_three_tries() {
    let mut transfer = running("windowsize 64", 500_000);
    let mut windows = 0;
    for now in 0..1_000_000 {
        let now = MS + now * Duration::from_micros(10);
        match transfer.on_packet(&ack(0), now) {
            Action::SendBlocks(_) => windows += 1,
            action => assert_eq!(action, Action::Wait),
        }
    }
    assert_eq!(windows, 2);
    for _ in 0..3 {
        assert_eq!(transfer.on_timeout(transfer.deadline()), Action::SendBlocks(1..=64));
    }
    assert!(transfer.deadline() > Duration::from_secs(3));
    assert_eq!(transfer.on_timeout(transfer.deadline()), Action::End(Ending::Vanished));
}

#[test]
fn blocks_roll_over_from_65535_to_0() {
    let mut transfer = running("blksize 8 windowsize 64", 8 * 140_000);
    let mut now = 2 * MS;
    let mut acked = 0u64;
    while transfer.on_packet(&ack(transfer.sent as u16), now) != Action::End(Ending::Finished) {
        assert!(transfer.acked > acked);
        (acked, now) = (transfer.acked, now + MS);
    }
    assert_eq!((transfer.acked, transfer.retransmissions()), (140_001, 0));
}

#[test]
fn error_8_after_the_oack_is_a_size_probe_and_later_an_end() {
    let error = b"\0\x05\0\x08User aborted transfer\0";
    let mut probe = transfer("tsize 0 blksize 1468 windowsize 4", 74_000);
    probe.start(Duration::ZERO);
    assert_eq!(probe.on_packet(error, MS), Action::End(Ending::SizeProbe));

    let ended = Ending::EndedByClient { code: 8, text: "User aborted transfer".into() };
    assert_eq!(running("blksize 1468", 74_000).on_packet(error, 2 * MS), Action::End(ended));
}

#[test]
fn error_0_counts_as_a_probe_only_where_the_size_was_asked() {
    let close = b"\0\x05\0\0No error, file close\0";
    for (options, is_probe) in [("tsize 0", true), ("blksize 1024", false)] {
        let mut transfer = transfer(options, 100);
        transfer.start(Duration::ZERO);
        assert_eq!(transfer.on_packet(close, MS) == Action::End(Ending::SizeProbe), is_probe, "{options}");
    }
}

#[test]
fn repeated_request_gets_the_first_packet_again_until_the_client_has_answered() {
    let mut transfer = transfer("blksize 1468", 5000);
    transfer.start(Duration::ZERO);
    assert_eq!(transfer.on_repeated_request(MS), Action::SendOack);
    transfer.on_packet(&ack(0), 2 * MS);
    assert_eq!(transfer.on_repeated_request(3 * MS), Action::Wait);

    let mut plain = self::transfer("", 5000);
    plain.start(Duration::ZERO);
    assert_eq!(plain.on_repeated_request(MS), Action::SendBlocks(1..=1));
    plain.on_packet(&ack(1), 2 * MS);
    assert_eq!(plain.on_repeated_request(3 * MS), Action::Wait);
}

#[test]
fn foreign_packets_do_not_move_the_transfer() {
    let mut transfer = running("windowsize 4", 50_000);
    for packet in [&b""[..], b"\0\x04\0", b"\0\x03\0\x01data", b"\0\x01f\0octet\0", b"junk"] {
        assert_eq!(transfer.on_packet(packet, 2 * MS), Action::Wait);
    }
    assert_eq!(transfer.on_packet(&ack(4), 2 * MS), Action::SendBlocks(5..=8));
}
