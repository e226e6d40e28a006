//! One thread that serves: slow readers of pages never hold up a worker.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::watch;

use super::App;

/// A running server. Dropping it stops serving without waiting for requests under way.
pub struct Server {
    address: SocketAddr,
    stop: watch::Sender<Option<Duration>>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Binds `listen` (port 0: a free one) and serves in its own thread.
    ///
    /// # Errors
    /// If the address cannot be bound; the text names it and what to do.
    pub fn start(listen: SocketAddr, app: App) -> io::Result<Self> {
        let listener = TcpListener::bind(listen).map_err(|error| {
            io::Error::new(
                error.kind(),
                format!("http.listen {listen}: {error}: set another address or port"),
            )
        })?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let (stop, stopped) = watch::channel(None);
        let thread = std::thread::Builder::new().name("http".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(serve(listener, app, stopped))
        })?;
        Ok(Server { address, stop, thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Takes no new request, lets those under way end within `patience`, and returns.
    ///
    /// # Errors
    /// If serving had failed.
    pub fn stop(mut self, patience: Duration) -> io::Result<()> {
        self.stop.send_replace(Some(patience));
        match self.thread.take().map(JoinHandle::join) {
            Some(Ok(result)) => result,
            Some(Err(_)) => Err(io::Error::other("the http thread panicked")),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_if_modified(|stop| stop.replace(Duration::ZERO).is_none());
    }
}

async fn serve(
    listener: TcpListener,
    app: App,
    stopped: watch::Receiver<Option<Duration>>,
) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let asked = async |mut stopped: watch::Receiver<Option<Duration>>| {
        let patience = stopped.wait_for(Option::is_some).await.map(|patience| *patience);
        // An error means that the server was dropped.
        patience.ok().flatten().unwrap_or(Duration::ZERO)
    };
    let end = stopped.clone();
    let serving = axum::serve(listener, super::router(app)).with_graceful_shutdown(async move {
        asked(end).await;
    });
    tokio::select! {
        result = serving.into_future() => result,
        () = async { tokio::time::sleep(asked(stopped).await).await } => Ok(()),
    }
}
