//! The script of a headless demo: the broker is cut off, the gateway is killed meanwhile, and killed once more when all is well.

use std::time::Duration;

use super::scene::{Scene, SceneError};

/// Acts of the play as shares of its length, in percent.
const CUT_AT: u32 = 20;
const KILL_IN_THE_CUT_AT: u32 = 35;
const RESTORE_AT: u32 = 50;
const KILL_ONLINE_AT: u32 = 75;

/// Plays for `length`.
///
/// # Errors
/// When a killed gateway can't be started again.
pub async fn play(scene: &mut Scene, length: Duration) -> Result<(), SceneError> {
    let share = |from: u32, to: u32| length * (to - from) / 100;
    watch(scene, share(0, CUT_AT)).await;
    scene.network(false).await;
    watch(scene, share(CUT_AT, KILL_IN_THE_CUT_AT)).await;
    scene.kill_gateway().await?;
    watch(scene, share(KILL_IN_THE_CUT_AT, RESTORE_AT)).await;
    scene.network(true).await;
    watch(scene, share(RESTORE_AT, KILL_ONLINE_AT)).await;
    scene.kill_gateway().await?;
    watch(scene, share(KILL_ONLINE_AT, 100)).await;
    Ok(())
}

/// Reads the books often, so that an imbalance of a moment is seen.
async fn watch(scene: &mut Scene, time: Duration) {
    const LOOK_EVERY: Duration = Duration::from_millis(250);
    let looks = (time.as_millis() / LOOK_EVERY.as_millis()).max(1);
    for _ in 0..looks {
        scene.watch(LOOK_EVERY).await;
    }
}
