//! What goes over the socket between a worker and a process for sandboxes: frames.
//!
//! A frame is a head of 20 bytes (the length of its text, the length of its bytes, the try, the call; all little-endian),
//! then a text (a message as JSON), then bytes that belong to it. A length is believed only as far as the reader allows,
//! and memory is taken as the bytes come, not as they are announced.

use bytes::Bytes;
use parking_lot::Mutex;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recvmsg, sendmsg,
};
use serde::Serialize;
use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd as _, OwnedFd};
use std::sync::Arc;
use tokio::io::Interest;
use tokio::net::UnixStream;
use tokio::sync::Notify;

/// Bytes of a frame's head.
const HEAD: usize = 20;
/// Bytes read at once.
const READ: usize = 64 << 10;
/// Whoever can wait to send does so while more bytes than this are on their way.
const ENOUGH: usize = 1 << 20;

/// One message.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    /// The try that it is about; nought when it is about none.
    pub try_id: u64,
    /// The question that it asks or answers, counted by whoever asks; nought when it is none.
    pub call: u32,
    /// The message.
    pub text: Bytes,
    /// What goes with it.
    pub blob: Bytes,
}

impl Frame {
    /// The message, read.
    pub(super) fn message<'a, T: serde::Deserialize<'a>>(&'a self) -> io::Result<T> {
        serde_json::from_slice(&self.text).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
    }
}

/// A frame as it is sent.
pub(super) fn encode(try_id: u64, call: u32, message: &impl Serialize, blob: &[&[u8]]) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; HEAD];
    serde_json::to_writer(&mut bytes, message)?;
    let too_long = |_| io::Error::from(io::ErrorKind::FileTooLarge);
    let text = u32::try_from(bytes.len() - HEAD).map_err(too_long)?;
    let blob_bytes = u32::try_from(blob.iter().map(|part| part.len()).sum::<usize>()).map_err(too_long)?;
    bytes[..4].copy_from_slice(&text.to_le_bytes());
    bytes[4..8].copy_from_slice(&blob_bytes.to_le_bytes());
    bytes[8..16].copy_from_slice(&try_id.to_le_bytes());
    bytes[16..HEAD].copy_from_slice(&call.to_le_bytes());
    for part in blob {
        bytes.extend_from_slice(part);
    }
    Ok(bytes)
}

/// Takes frames out of bytes as they come.
#[derive(Debug, Default)]
pub(super) struct Decoder {
    bytes: Vec<u8>,
    start: usize,
}

impl Decoder {
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.start > 0 {
            self.bytes.drain(..self.start);
            self.start = 0;
        }
        self.bytes.extend_from_slice(bytes);
    }

    /// The next frame; none when its end has not come yet.
    ///
    /// # Errors
    /// When it announces more than `max` bytes.
    pub(super) fn next(&mut self, max: u64) -> io::Result<Option<Frame>> {
        let bytes = &self.bytes[self.start..];
        let Some((head, rest)) = bytes.split_at_checked(HEAD) else { return Ok(None) };
        let number = |at: usize| u32::from_le_bytes(head[at..at + 4].try_into().unwrap_or_default());
        let (text, blob) = (number(0) as usize, number(4) as usize);
        if text as u64 + blob as u64 > max {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it announces a message that is too long"));
        }
        if rest.len() < text + blob {
            return Ok(None);
        }
        let frame = Frame {
            try_id: u64::from_le_bytes(head[8..16].try_into().unwrap_or_default()),
            call: number(16),
            text: Bytes::copy_from_slice(&rest[..text]),
            blob: Bytes::copy_from_slice(&rest[text..text + blob]),
        };
        self.start += HEAD + text + blob;
        Ok(Some(frame))
    }
}

/// The sending end of a socket. A frame goes out at once when the socket takes it; the rest waits for [`Link::carry_on`].
#[derive(Debug)]
pub(super) struct Link {
    stream: UnixStream,
    waiting: Mutex<Waiting>,
    wake: Notify,
    room: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    pieces: VecDeque<Piece>,
    bytes: usize,
}

#[derive(Debug)]
struct Piece {
    bytes: Vec<u8>,
    sent: usize,
    /// Goes with the first byte.
    file: Option<Arc<OwnedFd>>,
}

impl Link {
    pub(super) fn new(stream: UnixStream) -> Self {
        Self { stream, waiting: Mutex::default(), wake: Notify::new(), room: Notify::new() }
    }

    /// Sends a frame, with a file if there is one. An end that is gone is noticed by whoever reads.
    pub(super) fn send(&self, frame: Vec<u8>, file: Option<Arc<OwnedFd>>) {
        let mut waiting = self.waiting.lock();
        waiting.bytes += frame.len();
        waiting.pieces.push_back(Piece { bytes: frame, sent: 0, file });
        // When something waits already, the socket is full.
        if waiting.pieces.len() > 1 || self.push(&mut waiting).is_err() {
            self.wake.notify_one();
        }
    }

    /// As [`Link::send`], once there is not too much on its way.
    pub(super) async fn send_in_turn(&self, frame: Vec<u8>) {
        loop {
            let room = self.room.notified();
            let mut room = std::pin::pin!(room);
            room.as_mut().enable();
            if self.waiting.lock().bytes <= ENOUGH {
                break;
            }
            room.await;
        }
        self.send(frame, None);
    }

    /// Sends what could not be sent at once, for as long as the socket lives.
    pub(super) async fn carry_on(&self) -> io::Result<()> {
        loop {
            let pushed = self.push(&mut self.waiting.lock());
            match pushed {
                Ok(()) => self.wake.notified().await,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => self.stream.writable().await?,
                Err(error) => return Err(error),
            }
        }
    }

    fn push(&self, waiting: &mut Waiting) -> io::Result<()> {
        while let Some(piece) = waiting.pieces.front_mut() {
            let sent = self.stream.try_io(Interest::WRITABLE, || piece.send(&self.stream))?;
            piece.sent += sent;
            piece.file = None;
            let done = piece.sent == piece.bytes.len();
            waiting.bytes -= sent;
            if waiting.bytes <= ENOUGH {
                self.room.notify_waiters();
            }
            if done {
                waiting.pieces.pop_front();
            }
        }
        Ok(())
    }
}

impl Piece {
    fn send(&self, stream: &UnixStream) -> io::Result<usize> {
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
        let mut control = SendAncillaryBuffer::new(&mut space);
        let files = self.file.as_ref().map(|file| [file.as_fd()]);
        if let Some(files) = &files {
            control.push(SendAncillaryMessage::ScmRights(files));
        }
        #[cfg(target_os = "linux")]
        let flags = SendFlags::NOSIGNAL;
        #[cfg(not(target_os = "linux"))]
        let flags = SendFlags::empty();
        Ok(sendmsg(stream, &[IoSlice::new(&self.bytes[self.sent..])], &mut control, flags)?)
    }
}

/// The receiving end of a socket.
#[derive(Debug)]
pub(super) struct Receiver {
    link: Arc<Link>,
    decoder: Decoder,
    buffer: Vec<u8>,
    /// Files that came, the first first. None are taken by a receiver that does not want any.
    files: Option<VecDeque<OwnedFd>>,
}

impl Receiver {
    pub(super) fn new(link: Arc<Link>, takes_files: bool) -> Self {
        Self { link, decoder: Decoder::default(), buffer: vec![0; READ], files: takes_files.then(VecDeque::new) }
    }

    /// The next frame; none when the other end is gone.
    ///
    /// # Errors
    /// When the socket fails, or a frame announces more than `max` bytes.
    pub(super) async fn next(&mut self, max: impl Fn() -> u64) -> io::Result<Option<Frame>> {
        loop {
            if let Some(frame) = self.decoder.next(max())? {
                return Ok(Some(frame));
            }
            let read = match self.read() {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.link.stream.readable().await?;
                    continue;
                }
                read => read?,
            };
            if read == 0 {
                return Ok(None);
            }
            self.decoder.feed(&self.buffer[..read]);
        }
    }

    /// The file that came with the frame that was received last.
    pub(super) fn file(&mut self) -> Option<OwnedFd> {
        self.files.as_mut()?.pop_front()
    }

    fn read(&mut self) -> io::Result<usize> {
        let Self { link, buffer, files, .. } = self;
        link.stream.try_io(Interest::READABLE, || {
            let Some(files) = files else {
                // Without room for them, the kernel closes files that come with the bytes.
                return Ok(rustix::net::recv(&link.stream, &mut buffer[..], RecvFlags::empty())?.1);
            };
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut control = RecvAncillaryBuffer::new(&mut space);
            #[cfg(target_os = "linux")]
            let flags = RecvFlags::CMSG_CLOEXEC;
            #[cfg(not(target_os = "linux"))]
            let flags = RecvFlags::empty();
            let received = recvmsg(&link.stream, &mut [IoSliceMut::new(buffer)], &mut control, flags)?;
            for message in control.drain() {
                if let RecvAncillaryMessage::ScmRights(came) = message {
                    files.extend(came);
                }
            }
            Ok(received.bytes)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair() -> (Arc<Link>, Arc<Link>) {
        let (one, other) = UnixStream::pair().unwrap();
        (Arc::new(Link::new(one)), Arc::new(Link::new(other)))
    }

    #[test]
    fn frames_come_out_however_the_bytes_came_in() {
        let mut bytes = encode(7, 3, &"first", &[b"a", b"bc"]).unwrap();
        bytes.extend(encode(8, 0, &["second"], &[]).unwrap());
        let mut decoder = Decoder::default();
        let mut frames = Vec::new();
        for byte in bytes {
            decoder.feed(&[byte]);
            frames.extend(decoder.next(100).unwrap());
        }
        assert_eq!(frames.len(), 2);
        assert_eq!((frames[0].try_id, frames[0].call, &frames[0].blob[..]), (7, 3, &b"abc"[..]));
        assert_eq!(frames[0].message::<String>().unwrap(), "first");
        assert_eq!(frames[1].message::<Vec<String>>().unwrap(), ["second"]);
        assert!(frames[1].message::<u32>().is_err());
    }

    #[test]
    fn what_announces_too_much_is_refused_before_it_comes() {
        let mut decoder = Decoder::default();
        decoder.feed(&[0xFF; HEAD]);
        assert_eq!(decoder.next(1 << 30).unwrap_err().kind(), io::ErrorKind::InvalidData);
    }

    #[tokio::test]
    async fn a_full_socket_takes_the_rest_later() {
        let (sender, other) = pair();
        let large = vec![b'x'; 3 << 20];
        for number in 1..=3 {
            sender.send(encode(number, 0, &(), &[&large]).unwrap(), None);
        }
        let carrying = Arc::clone(&sender);
        let carried = tokio::spawn(async move { carrying.carry_on().await });
        let mut receiver = Receiver::new(other, false);
        for number in 1..=3 {
            let frame = receiver.next(|| 4 << 20).await.unwrap().unwrap();
            assert_eq!((frame.try_id, frame.blob.len()), (number, large.len()));
        }
        sender.send_in_turn(encode(4, 0, &(), &[]).unwrap()).await;
        assert_eq!(receiver.next(|| 100).await.unwrap().unwrap().try_id, 4);
        carried.abort();
        drop(carried.await);
        drop(sender);
        assert_eq!(receiver.next(|| 100).await.unwrap(), None);
    }

    #[tokio::test]
    async fn files_go_with_their_frames_to_whoever_takes_them() {
        use std::io::{Read as _, Seek as _, Write as _};
        for takes_files in [true, false] {
            let (sender, other) = pair();
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(b"code").unwrap();
            sender.stream.writable().await.unwrap();
            sender.send(encode(0, 0, &1, &[]).unwrap(), Some(Arc::new(file.into())));
            let mut receiver = Receiver::new(other, takes_files);
            receiver.next(|| 100).await.unwrap().unwrap();
            let came = receiver.file();
            assert_eq!(came.is_some(), takes_files);
            if let Some(came) = came {
                let (mut came, mut text) = (std::fs::File::from(came), String::new());
                came.rewind().unwrap();
                came.read_to_string(&mut text).unwrap();
                assert_eq!(text, "code");
            }
        }
    }
}
