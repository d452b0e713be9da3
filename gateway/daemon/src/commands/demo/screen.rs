//! The screen of the demo: one line that never stops, and four keys.

use std::io::Write as _;
use std::time::{Duration, Instant};

use crossterm::event::{Event, KeyCode, KeyEventKind, KeyModifiers};
use crossterm::{cursor, execute, queue, style, terminal};

use super::scene::{Scene, SceneError};

/// How often the line is drawn.
const DRAW_EVERY: Duration = Duration::from_millis(200);

/// What the keys have switched.
#[derive(Clone, Copy)]
struct Switches {
    network: bool,
    plc: bool,
    killed: Option<Instant>,
}

/// How long the screen says that the gateway was killed.
const SAY_KILLED_FOR: Duration = Duration::from_secs(3);

/// Raw mode, left when dropped, also on an error.
struct RawMode;

impl RawMode {
    fn enter() -> std::io::Result<Self> {
        terminal::enable_raw_mode()?;
        execute!(std::io::stdout(), cursor::Hide)?;
        Ok(Self)
    }
}

impl Drop for RawMode {
    fn drop(&mut self) {
        let _ = execute!(std::io::stdout(), cursor::Show);
        let _ = terminal::disable_raw_mode();
    }
}

/// Plays until `q`, or for `length`.
///
/// # Errors
/// When the terminal or a restarted gateway fails.
pub async fn play(scene: &mut Scene, length: Option<Duration>) -> Result<(), SceneError> {
    let raw = RawMode::enter()?;
    print(&format!(
        "Forehearth demo: 30 pot cells and 4 meters on loopback. Status page: http://{}/\r\n\
         n cut or restore the network   d kill or revive a PLC   k kill -9 the gateway   q quit\r\n",
        scene.status()
    ))?;
    let started = Instant::now();
    let mut switches = Switches { network: true, plc: true, killed: None };
    while length.is_none_or(|length| started.elapsed() < length) {
        scene.watch(DRAW_EVERY).await;
        if !act(scene, &mut switches).await? {
            break;
        }
        draw(scene, switches)?;
    }
    print("\r\n")?;
    drop(raw);
    Ok(())
}

/// Carries out the keys pressed since the last look; `false` to quit.
async fn act(scene: &mut Scene, switches: &mut Switches) -> Result<bool, SceneError> {
    while crossterm::event::poll(Duration::ZERO)? {
        let Event::Key(key) = crossterm::event::read()? else { continue };
        if key.kind != KeyEventKind::Press {
            continue;
        }
        match key.code {
            KeyCode::Char('n') => {
                switches.network = !switches.network;
                scene.network(switches.network).await;
            }
            KeyCode::Char('d') => {
                switches.plc = !switches.plc;
                scene.plc(switches.plc).await;
            }
            KeyCode::Char('k') => {
                scene.kill_gateway().await?;
                switches.killed = Some(Instant::now());
            }
            KeyCode::Char('c') if key.modifiers.contains(KeyModifiers::CONTROL) => {
                return Ok(false);
            }
            KeyCode::Char('q') | KeyCode::Esc => return Ok(false),
            _ => {}
        }
    }
    Ok(true)
}

fn draw(scene: &Scene, switches: Switches) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    let mut line = scene.line();
    if !switches.network {
        line.push_str("   NETWORK CUT");
    }
    if !switches.plc {
        line.push_str("   PLC DEAD");
    }
    if switches.killed.is_some_and(|killed| killed.elapsed() < SAY_KILLED_FOR) {
        line.push_str("   KILLED, RESTARTED");
    }
    if let Some(value) = scene.last_value() {
        line.push_str(&format!("   {value}"));
    }
    let width = usize::from(terminal::size().map_or(80, |(columns, _)| columns));
    let line: String = line.chars().take(width.saturating_sub(1)).collect();
    queue!(
        out,
        cursor::MoveToColumn(0),
        terminal::Clear(terminal::ClearType::CurrentLine),
        style::Print(line)
    )?;
    out.flush()
}

fn print(text: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}
