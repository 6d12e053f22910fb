//! The thread that starts processes. The kernel ends a process with the *thread* that started it, when the process asks for that;
//! threads of an async runtime come and go, and this one stays.

use std::io;
use std::sync::mpsc;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

struct Order {
    command: Command,
    /// Where the child is waited for.
    runtime: Handle,
    started: oneshot::Sender<io::Result<Child>>,
}

#[derive(Debug)]
pub(super) struct Keeper(mpsc::Sender<Order>);

impl Keeper {
    /// Starts the thread. It ends with the keeper, and all processes with it.
    pub(super) fn start() -> io::Result<Self> {
        let (orders, received) = mpsc::channel::<Order>();
        std::thread::Builder::new().name("process-keeper".to_owned()).spawn(move || {
            for Order { mut command, runtime, started } in received {
                let _entered = runtime.enter();
                drop(started.send(command.spawn()));
            }
        })?;
        Ok(Self(orders))
    }

    pub(super) async fn spawn(&self, command: Command) -> io::Result<Child> {
        let gone = |_| io::Error::other("the thread that starts processes has ended");
        let (started, receiver) = oneshot::channel();
        self.0.send(Order { command, runtime: Handle::current(), started }).map_err(|_| io::Error::other("no such thread"))?;
        receiver.await.map_err(gone)?
    }
}
