//! FH134x: what the gateway tells of itself.

super::table! {
    NOT_A_FACT = 1341 Error {
        title: "`{value}` is nothing the gateway tells of itself" / "`{value}` 不是网关能给出的自身数据",
        label: "" / "",
        help: "write `cpu_temp`, `link/NAME/timeouts`, `link/NAME/unit/3/timeouts`, `hwmon/CHIP/in1` or `iio/DEVICE/voltage0`; `forehearth explain FH1341` has all words" / "可写 `cpu_temp`、`link/名称/timeouts`、`link/名称/unit/3/timeouts`、`hwmon/芯片/in1` 或 `iio/设备/voltage0`；全部词见 `forehearth explain FH1341`",
        explain: "Of the box: cpu_temp, load_1, load_5, load_15, memory_total, memory_free, memory_used, uptime, disk_free, disk_used, disk_wear, undervoltage, clock_synced, clock, gateway_memory, gateway_cpu, gateway_uptime. Of a link: up, polls, failures, overruns, connects, requests, answers, timeouts, late, stray, exceptions. Of a Modbus unit: up, requests, answers, timeouts, late, noise, exceptions, crc_errors, damage_ppm, surprises, refuted, round_trip_p50, round_trip_p99. hwmon: in, temp, curr, power or fan and a number. A fact has a type of its own." /
            "网关所在机器：cpu_temp、load_1、load_5、load_15、memory_total、memory_free、memory_used、uptime、disk_free、disk_used、disk_wear、undervoltage、clock_synced、clock、gateway_memory、gateway_cpu、gateway_uptime。链路：up、polls、failures、overruns、connects、requests、answers、timeouts、late、stray、exceptions。Modbus 从站：up、requests、answers、timeouts、late、noise、exceptions、crc_errors、damage_ppm、surprises、refuted、round_trip_p50、round_trip_p99。hwmon：in、temp、curr、power 或 fan 加编号。类型由该数据决定。"
    }
    UNIT_NOT_ON_LINK = 1342 Error {
        title: "no device has unit {unit} on link `{link}`" / "链路 `{link}` 上没有站号为 {unit} 的设备",
        label: "" / "",
        help: "name a unit that a Modbus device of this link has" / "请写该链路上某台 Modbus 设备的站号",
        explain: "Figures of a unit come from asking it. A unit that no device of the map has is never asked." /
            "从站的统计来自对它的访问。配置中没有设备使用的站号不会被访问。"
    }
    NOT_A_TREE = 1343 Error {
        title: "`{value}` is no place of the kernel's files" / "`{value}` 不是内核文件所在位置",
        label: "" / "",
        help: "leave `url` out to read this box; write `file:///host` when its /proc and /sys are below /host" / "读取本机请删去 `url`；若 /proc 和 /sys 位于 /host 之下，请写 `file:///host`",
        explain: "A device with driver = \"gateway\" reads /proc and /sys. In a container they may be mounted below another folder." /
            "driver = \"gateway\" 的设备读取 /proc 和 /sys；在容器中它们可能挂载在别处。"
    }
}
