//! Writing over a serial line: orders between the requests of a scan, one at a time.

use std::time::Duration;

use forehearth_driver::{BoxFuture, LinkError, OrderDesk, WriteError, WriteOrder, WritingDriver};
use forehearth_modbus::{Errand, Question, ReadRequest, Step};
use forehearth_model::{GroupId, Scan, Value};
use tokio::time::sleep;

use crate::bus_scan::{BusScan, Progress};
use crate::conversation::{Conversation, Lost, Reply, micros};
use crate::mode::told;
use crate::{ModbusBus, Writing};

const SILENT: &str = "no answer";
const DAMAGED: &str = "the answer was damaged";
const BABBLE: &str = "the line is never silent";

impl ModbusBus<Writing> {
    /// Takes one order to its end. Ends by itself: each request has a deadline.
    async fn carry_out(
        &mut self,
        conversation: &mut Conversation,
        order: &WriteOrder,
    ) -> Result<Result<Value, WriteError>, Lost> {
        let (unit, mut errand) = match self.mode.errand(order) {
            Ok(errand) => errand,
            Err(error) => return Ok(Err(error)),
        };
        let Some(place) = self.units.iter().position(|known| known.id.get() == unit) else {
            return Ok(Err(WriteError::NotWritable));
        };
        if let Some(reason) = self.obstacle(conversation, place, errand.read_back()).await? {
            errand.not_sent(reason);
        }
        let end = loop {
            match errand.step() {
                Step::Put(_) => self.put(conversation, place, &mut errand).await?,
                Step::Ask(read) => self.read_back(conversation, place, read, &mut errand).await?,
                Step::Rest(time) => {
                    sleep(Duration::from_micros(time)).await;
                    errand.rested();
                }
                Step::Ended(end) => break end.clone(),
            }
        };
        Ok(end.map_err(|failure| told(&failure)))
    }

    /// What stands in the way of a write to the unit at `place`. A unit that
    /// owes an answer is asked something else first.
    async fn obstacle(
        &mut self,
        conversation: &mut Conversation,
        place: usize,
        near: ReadRequest,
    ) -> Result<Option<&'static str>, Lost> {
        let id = self.units[place].id;
        if self.isolation.is_asleep(id) {
            return Ok(Some("the unit does not answer"));
        }
        let Some(fence) = conversation.line().before_write(id, Question::Read(near)) else {
            return Ok(None);
        };
        let patience = micros(self.settings.timeout);
        let (ended, _) = self.ask(conversation, place, fence, patience).await?;
        Ok(match ended.reply {
            Reply::Answered { .. } => None,
            Reply::Damaged => Some(DAMAGED),
            Reply::Missing { .. } => Some("the unit does not answer"),
            Reply::Babble => Some(BABBLE),
        })
    }

    /// A write gets the whole timeout: devices take longer to store than to tell.
    async fn put(
        &mut self,
        conversation: &mut Conversation,
        place: usize,
        errand: &mut Errand,
    ) -> Result<(), Lost> {
        let Step::Put(write) = errand.step() else { return Ok(()) };
        let (id, patience) = (self.units[place].id, micros(self.settings.timeout));
        let ended = conversation.put(id, write, patience).await?;
        self.enter(place, &ended, conversation);
        match ended.reply {
            Reply::Answered { .. } => errand.answered(conversation.pdu()),
            Reply::Damaged => errand.missed(DAMAGED),
            Reply::Missing { .. } => errand.missed(SILENT),
            Reply::Babble => errand.not_sent(BABBLE),
        }
        Ok(())
    }

    /// A read is repeated where it was damaged or not answered.
    async fn read_back(
        &mut self,
        conversation: &mut Conversation,
        place: usize,
        read: ReadRequest,
        errand: &mut Errand,
    ) -> Result<(), Lost> {
        let (id, patience) = (self.units[place].id, micros(self.settings.timeout));
        let mut reason = SILENT;
        for _ in 0..=self.settings.retries {
            let wanted = Question::Read(read);
            let safe = conversation.line().safe(id, wanted);
            if safe != wanted {
                let (ended, _) = self.ask(conversation, place, safe, patience).await?;
                if !matches!(ended.reply, Reply::Answered { .. }) {
                    continue;
                }
            }
            let (ended, _) = self.ask(conversation, place, wanted, patience).await?;
            match ended.reply {
                Reply::Answered { .. } => {
                    errand.answered(conversation.pdu());
                    return Ok(());
                }
                Reply::Damaged => reason = DAMAGED,
                Reply::Missing { .. } => reason = SILENT,
                Reply::Babble => reason = BABBLE,
            }
        }
        errand.missed(reason);
        Ok(())
    }

    /// Carries out all orders that wait.
    async fn serve(
        &mut self,
        conversation: &mut Conversation,
        desk: &mut dyn OrderDesk,
    ) -> Result<(), Lost> {
        while let Some(order) = desk.take() {
            match self.carry_out(conversation, &order).await {
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
        let Some(mut conversation) = self.conversation.take() else {
            return Err(self.lost("not open".to_string()).into());
        };
        match self.carry_out(&mut conversation, order).await {
            Ok(end) => {
                self.conversation = Some(conversation);
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
        let mut conversation = self.begin_scan(id, out)?;
        let mut scan = BusScan::new(self, id, &mut conversation, out);
        let result = loop {
            if let Err(lost) = scan.bus.serve(scan.conversation, desk).await {
                break Err(lost);
            }
            let desk = &mut *desk;
            let mut pause = move || desk.is_waiting();
            match scan.go_on(&mut pause).await {
                Ok(Progress::Paused) => {}
                Ok(Progress::Done) => break Ok(()),
                Err(lost) => break Err(lost),
            }
        };
        scan.finish();
        self.end_scan(conversation, id, result)
    }
}

impl WritingDriver for ModbusBus<Writing> {
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
