//! A PLC: registers behind a Modbus TCP port that can be killed, revived and slowed down.

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_modbus::prelude::{ExceptionCode, Request, Response, SlaveRequest};
use tokio_modbus::server::Service;
use tokio_modbus::server::tcp::Server;

use crate::registers::{Refusal, Registers, Table};

/// A PLC on a loopback port. Dropping it is killing it.
pub struct Plc {
    name: String,
    address: SocketAddr,
    answers: Answers,
    serving: Option<JoinHandle<()>>,
}

impl Plc {
    /// Listens on `port` of the loopback interface, 0 for a free one.
    ///
    /// # Errors
    /// When the port is taken.
    pub async fn start(name: &str, port: u16, registers: Arc<dyn Registers>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await?;
        let address = listener.local_addr()?;
        let answers = Answers { registers, delay_micros: Arc::default() };
        let serving = Some(serve(listener, answers.clone()));
        Ok(Self { name: name.to_owned(), address, answers, serving })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Where it listens.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers nothing any more: connections drop, new ones are refused. Its
    /// registers live on.
    pub fn kill(&mut self) {
        if let Some(serving) = self.serving.take() {
            serving.abort();
        }
    }

    /// Listens again on the same port. Does nothing when it is alive.
    ///
    /// # Errors
    /// When someone took the port in the meantime.
    pub async fn revive(&mut self) -> io::Result<()> {
        if self.serving.is_none() {
            let listener = TcpListener::bind(self.address).await?;
            self.serving = Some(serve(listener, self.answers.clone()));
        }
        Ok(())
    }

    /// Lets this time pass before each answer from now on.
    pub fn delay(&self, delay: Duration) {
        let micros = u64::try_from(delay.as_micros()).unwrap_or(u64::MAX);
        self.answers.delay_micros.store(micros, Ordering::Relaxed);
    }
}

impl Drop for Plc {
    fn drop(&mut self) {
        self.kill();
    }
}

/// Serves until aborted; aborting drops every connection.
fn serve(listener: TcpListener, answers: Answers) -> JoinHandle<()> {
    tokio::spawn(async move {
        let on_connected = |stream: tokio::net::TcpStream, _peer| {
            let answers = answers.clone();
            async move {
                stream.set_nodelay(true)?;
                Ok(Some((answers, stream)))
            }
        };
        let on_error = |error| tracing::debug!(%error, "connection ended");
        if let Err(error) = Server::new(listener).serve(&on_connected, on_error).await {
            tracing::error!(%error, "PLC stopped listening");
        }
    })
}

/// The answering side of a PLC.
#[derive(Clone)]
struct Answers {
    registers: Arc<dyn Registers>,
    delay_micros: Arc<AtomicU64>,
}

impl Answers {
    fn answer(&self, asked: &SlaveRequest<'_>) -> Result<Response, ExceptionCode> {
        let refused = |refusal| match refusal {
            Refusal::Address => ExceptionCode::IllegalDataAddress,
            Refusal::NoUnit => ExceptionCode::GatewayTargetDevice,
        };
        let read = |table, address, count| {
            if !(1..=125).contains(&count) {
                return Err(ExceptionCode::IllegalDataValue);
            }
            self.registers.read(asked.slave, table, address, count).map_err(refused)
        };
        let bits = |coils, address, count| {
            if !(1..=2000).contains(&count) {
                return Err(ExceptionCode::IllegalDataValue);
            }
            self.registers.bits(asked.slave, coils, address, count).map_err(refused)
        };
        match asked.request {
            Request::ReadHoldingRegisters(address, count) => {
                read(Table::Holding, address, count).map(Response::ReadHoldingRegisters)
            }
            Request::ReadInputRegisters(address, count) => {
                read(Table::Input, address, count).map(Response::ReadInputRegisters)
            }
            Request::ReadCoils(address, count) => {
                bits(true, address, count).map(Response::ReadCoils)
            }
            Request::ReadDiscreteInputs(address, count) => {
                bits(false, address, count).map(Response::ReadDiscreteInputs)
            }
            _ => Err(ExceptionCode::IllegalFunction),
        }
    }
}

impl Service for Answers {
    type Request = SlaveRequest<'static>;
    type Response = Response;
    type Exception = ExceptionCode;
    type Future = Pin<Box<dyn Future<Output = Result<Response, ExceptionCode>> + Send>>;

    fn call(&self, asked: Self::Request) -> Self::Future {
        let answers = self.clone();
        Box::pin(async move {
            let delay = answers.delay_micros.load(Ordering::Relaxed);
            if delay > 0 {
                tokio::time::sleep(Duration::from_micros(delay)).await;
            }
            answers.answer(&asked)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::Plc;
    use crate::registers::{Refusal, Registers, Table};
    use std::sync::Arc;
    use std::time::{Duration, Instant};
    use tokio_modbus::prelude::{Reader as _, SlaveContext as _, tcp};

    struct Sevens;

    impl Registers for Sevens {
        fn read(&self, unit: u8, _: Table, address: u16, count: u16) -> Result<Vec<u16>, Refusal> {
            match (unit, address) {
                (1, 0..100) => Ok(vec![7; usize::from(count)]),
                (1, _) => Err(Refusal::Address),
                _ => Err(Refusal::NoUnit),
            }
        }
    }

    async fn connect(plc: &Plc) -> std::io::Result<tokio_modbus::client::Context> {
        tcp::connect_slave(plc.address(), tokio_modbus::Slave(1)).await
    }

    #[tokio::test]
    async fn a_killed_plc_drops_its_connections_and_comes_back_on_its_port() {
        let mut plc = Plc::start("plc-1", 0, Arc::new(Sevens)).await.unwrap();
        let mut client = connect(&plc).await.unwrap();
        assert_eq!(client.read_holding_registers(0, 2).await.unwrap().unwrap(), [7, 7]);
        plc.kill();
        assert!(client.read_holding_registers(0, 2).await.is_err());
        plc.revive().await.unwrap();
        let mut client = connect(&plc).await.unwrap();
        assert_eq!(client.read_input_registers(0, 1).await.unwrap().unwrap(), [7]);
    }

    #[tokio::test]
    async fn a_read_outside_the_block_is_exception_2_and_of_a_stranger_exception_11() {
        let plc = Plc::start("plc-1", 0, Arc::new(Sevens)).await.unwrap();
        let mut client = connect(&plc).await.unwrap();
        let refused = client.read_holding_registers(100, 1).await.unwrap().unwrap_err();
        assert_eq!(u8::from(refused), 2);
        client.set_slave(tokio_modbus::Slave(9));
        let refused = client.read_holding_registers(0, 1).await.unwrap().unwrap_err();
        assert_eq!(u8::from(refused), 11);
    }

    #[tokio::test]
    async fn a_slow_plc_takes_at_least_its_delay() {
        let plc = Plc::start("plc-1", 0, Arc::new(Sevens)).await.unwrap();
        plc.delay(Duration::from_millis(30));
        let mut client = connect(&plc).await.unwrap();
        let asked = Instant::now();
        client.read_holding_registers(0, 1).await.unwrap().unwrap();
        assert!(asked.elapsed() >= Duration::from_millis(30));
    }
}
