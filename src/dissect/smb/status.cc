#include "dissect/smb/status.h"

#include "dissect/names.h"

namespace dissect::smb {

namespace {

constexpr Named kStatus[] = {
    {0x00000000, "ok"},
    {0x00000103, "pending"},
    {0x0000010b, "notify cleanup"},
    {0x0000010c, "notify enumerate directory"},
    {0x80000005, "buffer overflow"},
    {0x80000006, "no more files"},
    {0x8000002d, "stopped on a symbolic link"},
    {0xc0000001, "unsuccessful"},
    {0xc0000002, "not implemented"},
    {0xc0000003, "invalid information class"},
    {0xc0000008, "invalid handle"},
    {0xc000000d, "invalid parameter"},
    {0xc000000e, "no such device"},
    {0xc000000f, "no such file"},
    {0xc0000010, "invalid device request"},
    {0xc0000011, "end of file"},
    {0xc0000016, "more processing required"},
    {0xc0000022, "access denied"},
    {0xc0000023, "buffer too small"},
    {0xc0000033, "invalid object name"},
    {0xc0000034, "object name not found"},
    {0xc0000035, "object name collision"},
    {0xc0000039, "object path is invalid"},
    {0xc000003a, "object path not found"},
    {0xc0000043, "sharing violation"},
    {0xc0000054, "lock conflict"},
    {0xc0000055, "lock not granted"},
    {0xc0000056, "delete pending"},
    {0xc000005e, "no logon servers"},
    {0xc0000064, "no such user"},
    {0xc000006a, "wrong password"},
    {0xc000006d, "logon failure"},
    {0xc000006e, "account restriction"},
    {0xc000006f, "invalid logon hours"},
    {0xc0000070, "invalid workstation"},
    {0xc0000071, "password expired"},
    {0xc0000072, "account disabled"},
    {0xc000007f, "disk full"},
    {0xc00000ac, "pipe not available"},
    {0xc00000ad, "pipe busy"},
    {0xc00000ae, "illegal function"},
    {0xc00000b0, "pipe disconnected"},
    {0xc00000ba, "file is a directory"},
    {0xc00000bb, "not supported"},
    {0xc00000c9, "network name deleted"},
    {0xc00000cb, "bad device type"},
    {0xc00000cc, "bad network name"},
    {0xc00000d0, "request not accepted"},
    {0xc0000101, "directory not empty"},
    {0xc0000103, "not a directory"},
    {0xc0000120, "cancelled"},
    {0xc0000121, "cannot delete"},
    {0xc0000128, "file closed"},
    {0xc000014b, "pipe broken"},
    {0xc000015b, "logon type not granted"},
    {0xc0000184, "invalid device state"},
    {0xc0000193, "account expired"},
    {0xc000019c, "file system driver required"},
    {0xc0000203, "user session deleted"},
    {0xc0000205, "insufficient server resources"},
    {0xc0000224, "password must change"},
    {0xc0000225, "not found"},
    {0xc0000234, "account locked out"},
    {0xc0000235, "handle not closable"},
    {0xc0000257, "path not covered"},
    {0xc000035c, "network session expired"},
};
static_assert(sorted_by_code(kStatus));

}  // namespace

Status status_of(std::uint32_t code) {
  // The upper two bits are the severity: 3 is an error.
  const bool failed = code >> 30U == 3 && code != kMoreProcessing;
  return {failed ? Outcome::Failed : Outcome::Ok, code, name_of(kStatus, code)};
}

}  // namespace dissect::smb
