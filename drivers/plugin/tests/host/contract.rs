//! The contract every driver keeps, with the villain as the peer.

use std::time::Duration;

use forehearth_driver::contract::{Bench, Mood, Rig, hold_to_contract};
use forehearth_driver::{BoxFuture, Driver};
use forehearth_driver_plugin::PluginPoller;
use forehearth_model::{DeviceId, TagId};

use crate::plant::{Plant, clock};

struct PluginBench;

struct PluginRig {
    driver: PluginPoller,
    plant: Plant,
}

impl Rig for PluginRig {
    fn driver(&mut self) -> &mut dyn Driver {
        &mut self.driver
    }

    fn open_links(&self) -> usize {
        usize::from(self.plant.lives())
    }
}

impl Bench for PluginBench {
    fn rig(&self, mood: Mood) -> BoxFuture<'_, Box<dyn Rig>> {
        let plant = match mood {
            Mood::Healthy => Plant::new("good"),
            Mood::Absent => Plant::running("/nonexistent/plugin".into(), ""),
            Mood::Silent => Plant::new("silent"),
            Mood::ClosesMidAnswer => Plant::new("closes-mid-answer"),
            Mood::Garbage => Plant::new("garbage"),
            Mood::Refuses => Plant::new("refuses"),
        };
        let driver = PluginPoller::new(plant.settings.clone(), clock);
        Box::pin(async move { Box::new(PluginRig { driver, plant }) as Box<dyn Rig> })
    }

    fn groups(&self) -> Vec<(DeviceId, Vec<TagId>)> {
        let tags = |first| (first..first + 4).map(TagId).collect();
        vec![(DeviceId(7), tags(0)), (DeviceId(7), tags(10))]
    }

    fn patience(&self) -> Duration {
        Duration::from_secs(8)
    }
}

#[tokio::test]
async fn a_plugin_behind_the_host_keeps_the_contract() {
    hold_to_contract(&PluginBench).await;
}
