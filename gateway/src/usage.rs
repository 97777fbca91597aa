//! Where usage events go beside the counters' stream: nowhere, or to a file.

use std::{
    fs::{File, OpenOptions},
    io::{self, BufWriter, Write},
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering::Relaxed},
        mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};
use tollgate_contract::event::UsageEvent;

/// Where events go.
#[derive(Debug)]
pub enum UsageSinks {
    /// Nowhere.
    None,
    /// One JSON object per line.
    File(FileSink),
    /// The settle script writes them.
    Stream,
}

/// Appends events to a file, from a thread of its own.
#[derive(Debug)]
pub struct FileSink {
    queue: Mutex<Option<SyncSender<UsageEvent>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    dropped: Arc<AtomicU64>,
}

/// Events that may wait for the disk.
const QUEUE: usize = 100_000;
/// An event is in the file after this time at the latest.
const FLUSH_EVERY: Duration = Duration::from_millis(100);

impl FileSink {
    /// Opens the file for appending.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let (sender, receiver) = sync_channel(QUEUE);
        let writer = std::thread::Builder::new()
            .name("usage-file".to_owned())
            .spawn(move || write_all(file, &receiver))?;
        Ok(Self {
            queue: Mutex::new(Some(sender)),
            writer: Mutex::new(Some(writer)),
            dropped: Arc::default(),
        })
    }

    /// Queues an event. A full queue drops it and counts: requests never wait for a disk.
    pub fn write(&self, event: &UsageEvent) {
        let queue = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(sender) = queue.as_ref() else { return };
        if let Err(TrySendError::Full(_)) = sender.try_send(event.clone())
            && self.dropped.fetch_add(1, Relaxed).is_multiple_of(10_000)
        {
            tracing::error!("The usage file cannot keep up: events are lost");
        }
    }

    /// How many events were lost.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Relaxed)
    }

    /// Writes what is queued and closes the file.
    pub fn close(&self) {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner).take();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Err(_)) = writer.map(JoinHandle::join) {
            tracing::error!("The writer of the usage file ended by a panic");
        }
    }
}

fn write_all(file: File, queue: &Receiver<UsageEvent>) {
    let mut out = BufWriter::new(file);
    let complain = |result: io::Result<()>| {
        if let Err(error) = result {
            tracing::error!(%error, "The usage file cannot be written");
        }
    };
    let mut flushed = Instant::now();
    loop {
        match queue.recv_timeout(FLUSH_EVERY) {
            Ok(event) => complain(write_line(&mut out, &event)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return complain(out.flush()),
        }
        if flushed.elapsed() >= FLUSH_EVERY {
            complain(out.flush());
            flushed = Instant::now();
        }
    }
}

fn write_line(out: &mut BufWriter<File>, event: &UsageEvent) -> io::Result<()> {
    serde_json::to_writer(&mut *out, event)?;
    out.write_all(b"\n")
}
