//! Writing over a Modbus TCP link: orders between the requests of a scan, one at a time.

use std::time::Duration;

use forehearth_driver::{BoxFuture, LinkError, OrderDesk, WriteError, WriteOrder, WritingDriver};
use forehearth_modbus::{Question, Step};
use forehearth_model::{GroupId, Scan, Value};
use tokio::time::sleep;

use crate::mode::told;
use crate::session::{Lost, Session};
use crate::{ModbusTcp, Writing};

impl ModbusTcp<Writing> {
    /// Takes one order to its end. Ends by itself: each request has a deadline.
    async fn carry_out(
        &mut self,
        session: &mut Session,
        order: &WriteOrder,
    ) -> Result<Result<Value, WriteError>, Lost> {
        let (unit, mut errand) = match self.mode.errand(order) {
            Ok(errand) => errand,
            Err(error) => return Ok(Err(error)),
        };
        if self.books.behind.is_asleep(unit) {
            errand.not_sent("the unit does not answer");
        }
        let (pace, books) = (&self.pace, &mut self.books);
        let answer = loop {
            let answer = match errand.step() {
                Step::Put(write) => session.put(unit, write, pace, books).await?,
                Step::Ask(read) => session.ask(unit, Question::Read(read), pace, books).await?,
                Step::Rest(time) => {
                    sleep(Duration::from_micros(time)).await;
                    errand.rested();
                    continue;
                }
                Step::Ended(end) => break end.clone(),
            };
            match answer {
                Some(pdu) => errand.answered(&pdu),
                None => errand.missed(&format!("no answer within {} ms", pace.timeout.as_millis())),
            }
        };
        Ok(answer.map_err(|failure| told(&failure)))
    }

    /// Carries out all orders that wait.
    async fn serve(&mut self, session: &mut Session, desk: &mut dyn OrderDesk) -> Result<(), Lost> {
        while let Some(order) = desk.take() {
            match self.carry_out(session, &order).await {
                Ok(end) => desk.ended(&order, end),
                Err(lost) => {
                    let error = WriteError::Unknown { reason: lost.clone() };
                    desk.ended(&order, Err(error));
                    return Err(lost);
                }
            }
        }
        Ok(())
    }

    async fn write_one(&mut self, order: &WriteOrder) -> Result<Value, WriteError> {
        let Some(mut session) = self.session.take() else {
            return Err(self.lost("not connected".to_string()).into());
        };
        match self.carry_out(&mut session, order).await {
            Ok(end) => {
                self.session = Some(session);
                end
            }
            Err(reason) => Err(self.lost(reason).into()),
        }
    }

    async fn read_and_write(
        &mut self,
        id: GroupId,
        out: &mut Vec<Scan>,
        desk: &mut dyn OrderDesk,
    ) -> Result<(), LinkError> {
        let mut session = self.begin(id, out)?;
        let mut todo = None;
        if let Err(lost) = self.serve(&mut session, desk).await {
            self.fail_left(id, None, out);
            return self.end(session, id, Err(lost), out);
        }
        let found = self.is_awake(&mut session, id, out).await;
        if !matches!(found, Ok(true)) {
            return self.end(session, id, found.map(|_| ()), out);
        }
        let result = loop {
            if let Err(lost) = self.serve(&mut session, desk).await {
                self.fail_left(id, todo, out);
                break Err(lost);
            }
            let read = {
                let desk = &mut *desk;
                let mut pause = move || desk.is_waiting();
                self.read_on(&mut session, id, todo.take(), &mut pause, out).await
            };
            match read {
                Ok(left) if left.is_empty() => break Ok(()),
                Ok(left) => todo = Some(left),
                Err(lost) => break Err(lost),
            }
        };
        self.end(session, id, result, out)
    }
}

impl WritingDriver for ModbusTcp<Writing> {
    fn write<'a>(&'a mut self, order: &'a WriteOrder) -> BoxFuture<'a, Result<Value, WriteError>> {
        Box::pin(self.write_one(order))
    }

    fn scan_and_write<'a>(
        &'a mut self,
        group: GroupId,
        out: &'a mut Vec<Scan>,
        desk: &'a mut dyn OrderDesk,
    ) -> BoxFuture<'a, Result<(), LinkError>> {
        Box::pin(self.read_and_write(group, out, desk))
    }
}
