//! The Lua scripts. Each is one transaction in Redis.

use redis::{Script, aio::MultiplexedConnection};

macro_rules! script {
    ($file:literal) => {
        Script::new(concat!(include_str!("scripts/common.lua"), include_str!($file)))
    };
}

/// All scripts, hashed once.
pub(super) struct Scripts {
    pub(super) hold: Script,
    pub(super) touch: Script,
    pub(super) settle: Script,
    pub(super) expire: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            hold: script!("scripts/hold.lua"),
            touch: script!("scripts/touch.lua"),
            settle: script!("scripts/settle.lua"),
            expire: script!("scripts/expire.lua"),
        }
    }

    /// Makes them known to Redis.
    pub(super) async fn load(
        &self,
        connection: &mut MultiplexedConnection,
    ) -> redis::RedisResult<()> {
        for script in [&self.hold, &self.touch, &self.settle, &self.expire] {
            script.load_async(connection).await?;
        }
        Ok(())
    }
}
