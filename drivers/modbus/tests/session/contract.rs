//! The contract every driver keeps, played against a hand-written peer.

use std::time::Duration;

use forehearth_driver::contract::{Bench, Mood, Rig, hold_to_contract};
use forehearth_driver::{BoxFuture, Driver};
use forehearth_driver_modbus::{ModbusTcp, TcpSettings};
use forehearth_model::{DeviceId, TagId};

use crate::peer::{Act, Peer, Request, absent};
use crate::plant::{PLACES, group, settings};

struct TcpBench;

struct TcpRig {
    driver: ModbusTcp,
    peer: Option<Peer>,
}

impl Rig for TcpRig {
    fn driver(&mut self) -> &mut dyn Driver {
        &mut self.driver
    }

    fn open_links(&self) -> usize {
        self.peer.as_ref().map_or(0, Peer::open_links)
    }
}

fn behave(mood: Mood, request: Request) -> Vec<Act> {
    match mood {
        Mood::Healthy | Mood::Absent => vec![Act::Send(request.answer(0))],
        Mood::Silent => vec![],
        Mood::ClosesMidAnswer if request.nth.is_multiple_of(2) => {
            vec![Act::Send(request.answer(0))]
        }
        Mood::ClosesMidAnswer => vec![Act::Send(request.answer(0)[..8].to_vec()), Act::Close],
        Mood::Garbage => {
            vec![Act::Send((0..40).map(|n| request.raw[1] ^ 37u8.wrapping_mul(n) | 1).collect())]
        }
        Mood::Refuses => vec![Act::Send(request.exception(4))],
    }
}

impl Bench for TcpBench {
    fn rig(&self, mood: Mood) -> BoxFuture<'_, Box<dyn Rig>> {
        Box::pin(async move {
            let peer = match mood {
                Mood::Absent => None,
                _ => Some(Peer::start(move |request| behave(mood, request)).await),
            };
            let address = match &peer {
                Some(peer) => peer.address,
                None => absent().await,
            };
            let settings = TcpSettings { timeout: Duration::from_millis(100), ..settings(address) };
            let driver = ModbusTcp::new(settings, [group(1), group(2)]).unwrap();
            Box::new(TcpRig { driver, peer }) as Box<dyn Rig>
        })
    }

    fn groups(&self) -> Vec<(DeviceId, Vec<TagId>)> {
        let tags: Vec<TagId> = (0..PLACES.len() as u32).map(TagId).collect();
        vec![(DeviceId(7), tags.clone()), (DeviceId(7), tags)]
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(5)
    }
}

#[tokio::test]
async fn the_modbus_tcp_driver_keeps_the_contract() {
    hold_to_contract(&TcpBench).await;
}
