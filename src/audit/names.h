#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "audit/event.h"

namespace audit {

// Those that this code names.
namespace types {
inline constexpr RecordType kLogin = 1006;
inline constexpr RecordType kUserAuth = 1100;
inline constexpr RecordType kUserAcct = 1101;
inline constexpr RecordType kCredAcq = 1103;
inline constexpr RecordType kCredDisp = 1104;
inline constexpr RecordType kUserStart = 1105;
inline constexpr RecordType kUserEnd = 1106;
inline constexpr RecordType kCredRefr = 1110;
inline constexpr RecordType kUserLogin = 1112;
inline constexpr RecordType kUserLogout = 1113;
inline constexpr RecordType kUserErr = 1109;
inline constexpr RecordType kSyscall = 1300;
inline constexpr RecordType kPath = 1302;
inline constexpr RecordType kConfigChange = 1305;
inline constexpr RecordType kSockaddr = 1306;
inline constexpr RecordType kCwd = 1307;
inline constexpr RecordType kExecve = 1309;
inline constexpr RecordType kEndOfEvent = 1320;
inline constexpr RecordType kProctitle = 1327;
inline constexpr RecordType kReplace = 1329;
}  // namespace types

// "SYSCALL", or "UNKNOWN[1399]" as auditd writes it. Threads: pure.
std::string type_name(RecordType type);
// The type of such a name; nullopt: there is none.
std::optional<RecordType> type_of_name(std::string_view name);

}  // namespace audit
