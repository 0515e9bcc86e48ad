//! The system calls that the standard library does not have.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::time::Duration;

/// An epoll instance; each descriptor has a number of the caller's.
pub struct Poll(OwnedFd);

impl Poll {
    pub fn new() -> Self {
        // SAFETY: epoll_create1 takes flags alone; what it returns is ours.
        let raw = unsafe { libc::epoll_create1(0) };
        assert!(raw >= 0, "epoll_create1: {}", io::Error::last_os_error());
        // SAFETY: the descriptor is open and belongs to nobody else.
        Self(unsafe { OwnedFd::from_raw_fd(raw) })
    }

    /// Tells from now on, again and again, when `what` can be read, or also written.
    pub fn add(&self, what: &impl AsRawFd, number: u64, write: bool) {
        self.control(libc::EPOLL_CTL_ADD, what, number, write);
    }

    /// Changes whether it also tells when it can be written.
    pub fn change(&self, what: &impl AsRawFd, number: u64, write: bool) {
        self.control(libc::EPOLL_CTL_MOD, what, number, write);
    }

    fn control(&self, order: i32, what: &impl AsRawFd, number: u64, write: bool) {
        let events = libc::EPOLLIN | if write { libc::EPOLLOUT } else { 0 };
        let mut event = libc::epoll_event { events: events as u32, u64: number };
        // SAFETY: both descriptors are open, and `event` lives through the call.
        let result = unsafe { libc::epoll_ctl(self.0.as_raw_fd(), order, what.as_raw_fd(), &mut event) };
        assert_eq!(result, 0, "epoll_ctl: {}", io::Error::last_os_error());
    }

    /// Waits for at most `patience`; returns the numbers of what is ready.
    pub fn wait(&self, patience: Duration) -> Vec<u64> {
        let mut events = [libc::epoll_event { events: 0, u64: 0 }; 256];
        let milliseconds = patience.as_millis().min(10_000) as i32;
        // SAFETY: `events` has as many places as are promised.
        let count = unsafe { libc::epoll_wait(self.0.as_raw_fd(), events.as_mut_ptr(), 256, milliseconds) };
        events.iter().take(count.max(0) as usize).map(|event| event.u64).collect()
    }
}

/// Lets the kernel hand over datagrams that came as one burst together.
pub fn gather_bursts(socket: &impl AsRawFd) {
    let on: libc::c_int = 1;
    let length = size_of_val(&on) as u32;
    // SAFETY: the value lives through the call, and its length is told.
    let result =
        unsafe { libc::setsockopt(socket.as_raw_fd(), libc::SOL_UDP, libc::UDP_GRO, (&raw const on).cast(), length) };
    assert_eq!(result, 0, "UDP_GRO: {}", io::Error::last_os_error());
}

/// Receives a burst: its length, the length of each datagram but the last, and the sender's port.
pub fn receive_burst(socket: &impl AsRawFd, buffer: &mut [u8]) -> io::Result<(usize, usize, u16)> {
    let mut control = [0u64; 8];
    let mut part = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: these are plain structs, for which zeros are a value.
    let (mut from, mut head): (libc::sockaddr_in, libc::msghdr) = unsafe { std::mem::zeroed() };
    head.msg_name = (&raw mut from).cast();
    head.msg_namelen = size_of_val(&from) as u32;
    head.msg_iov = &mut part;
    head.msg_iovlen = 1;
    head.msg_control = control.as_mut_ptr().cast();
    head.msg_controllen = size_of_val(&control);
    // SAFETY: `head` names buffers that live through the call, with their lengths.
    let length = unsafe { libc::recvmsg(socket.as_raw_fd(), &mut head, libc::MSG_DONTWAIT) };
    if length < 0 {
        return Err(io::Error::last_os_error());
    }
    let mut each = length as usize;
    // SAFETY: the kernel filled `control` as the head says; the macros stay within it.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(&head);
        if !message.is_null() && (*message).cmsg_level == libc::SOL_UDP && (*message).cmsg_type == libc::UDP_GRO {
            each = libc::CMSG_DATA(message).cast::<libc::c_int>().read_unaligned() as usize;
        }
    }
    Ok((length as usize, each, u16::from_be(from.sin_port)))
}

/// Sends a burst that the kernel cuts into datagrams of `each` bytes.
pub fn send_burst(socket: &impl AsRawFd, bytes: &[u8], each: u16) -> io::Result<()> {
    use nix::sys::socket::{ControlMessage, MsgFlags, sendmsg};
    let cut = [ControlMessage::UdpGsoSegments(&each)];
    sendmsg::<()>(socket.as_raw_fd(), &[io::IoSlice::new(bytes)], &cut, MsgFlags::empty(), None)?;
    Ok(())
}
