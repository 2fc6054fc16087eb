#include "dissect/enip/services.h"

#include <algorithm>
#include <iterator>
#include <span>

namespace dissect::enip {

namespace {

struct Entry {
  std::uint32_t code;
  Service service;
};

const Service* find(std::span<const Entry> table, std::uint32_t code) {
  const auto found = std::ranges::find(table, code, &Entry::code);
  return found == table.end() ? nullptr : &found->service;
}

// Volume 1, appendix A. What reads and writes are exactly depends on the class.
constexpr Entry kCommon[] = {
    {0x01, {"Get_Attributes_All", Access::Read}},
    {0x02, {"Set_Attributes_All", Access::Write}},
    {0x03, {"Get_Attribute_List", Access::Read}},
    {0x04, {"Set_Attribute_List", Access::Write}},
    {0x05, {"Reset", Access::Reset}},
    {0x06, {"Start", Access::Start}},
    {0x07, {"Stop", Access::Stop}},
    {0x08, {"Create", Access::ConfigWrite}},
    {0x09, {"Delete", Access::ConfigWrite}},
    {0x0a, {"Multiple_Service_Packet", Access::None}},
    {0x0d, {"Apply_Attributes", Access::ConfigWrite}},
    {0x0e, {"Get_Attribute_Single", Access::Read}},
    {0x10, {"Set_Attribute_Single", Access::Write}},
    {0x11, {"Find_Next_Object_Instance", Access::Read}},
    {0x15, {"Restore", Access::ConfigWrite}},
    {0x16, {"Save", Access::ConfigWrite}},
    {0x17, {"No_Operation", Access::None}},
    {0x18, {"Get_Member", Access::Read}},
    {0x19, {"Set_Member", Access::Write}},
    {0x1a, {"Insert_Member", Access::Write}},
    {0x1b, {"Remove_Member", Access::Write}},
    {0x1c, {"GroupSync", Access::None}},
    {0x1d, {"Get_Connection_Point_Member_List", Access::Read}},
};

constexpr Entry kConnections[] = {
    {kForwardClose, {"Forward_Close", Access::Session}},
    {kUnconnectedSend, {"Unconnected_Send", Access::None}},
    {kForwardOpen, {"Forward_Open", Access::Session}},
    {0x56, {"Get_Connection_Data", Access::Diagnostics}},
    {0x57, {"Search_Connection_Data", Access::Diagnostics}},
    {0x5a, {"Get_Connection_Owner", Access::Diagnostics}},
    {kLargeForwardOpen, {"Large_Forward_Open", Access::Session}},
};

constexpr Entry kTags[] = {
    {0x4c, {"Read_Tag", Access::Read}},
    {0x4d, {"Write_Tag", Access::Write}},
    {0x4e, {"Read_Modify_Write_Tag", Access::Write}},
    {0x52, {"Read_Tag_Fragmented", Access::Read}},
    {0x53, {"Write_Tag_Fragmented", Access::Write}},
    {0x55, {"Get_Instance_Attribute_List", Access::ConfigRead}},
};

// Volume 1, 5-42.
constexpr Entry kFiles[] = {
    {0x4b, {"Initiate_Upload", Access::File}},
    {0x4c, {"Initiate_Download", Access::File}},
    {0x4d, {"Initiate_Partial_Read", Access::File}},
    {0x4e, {"Initiate_Partial_Write", Access::File}},
    {0x4f, {"Upload_Transfer", Access::File}},
    {0x50, {"Download_Transfer", Access::File}},
    {0x51, {"Clear_File", Access::File}},
};

struct Class {
  std::uint32_t code;
  std::string_view name;
  Access get;
  Access set;
};

// What is read from, and changed in, an object of that class. From 0x64 they are Rockwell
// Automation's: what makes up a program can be created, deleted and changed there.
constexpr Class kClasses[] = {
    {0x01, "Identity", Access::Discovery, Access::ConfigWrite},
    {0x02, "Message Router", Access::ConfigRead, Access::ConfigWrite},
    {0x04, "Assembly", Access::Read, Access::Write},
    {0x05, "Connection", Access::ConfigRead, Access::ConfigWrite},
    {0x06, "Connection Manager", Access::Diagnostics, Access::ConfigWrite},
    {0x0a, "Analog Input Point", Access::Read, Access::Write},
    {0x0b, "Analog Output Point", Access::Read, Access::Write},
    {0x08, "Discrete Input Point", Access::Read, Access::Write},
    {0x09, "Discrete Output Point", Access::Read, Access::Write},
    {0x0f, "Parameter", Access::ConfigRead, Access::ConfigWrite},
    {0x10, "Parameter Group", Access::ConfigRead, Access::ConfigWrite},
    {0x37, "File", Access::File, Access::File},
    {0x43, "Time Sync", Access::ConfigRead, Access::ConfigWrite},
    {0x47, "Device Level Ring", Access::ConfigRead, Access::ConfigWrite},
    {0x48, "QoS", Access::ConfigRead, Access::ConfigWrite},
    {0x5d, "CIP Security", Access::ConfigRead, Access::ConfigWrite},
    {0x5e, "EtherNet/IP Security", Access::ConfigRead, Access::ConfigWrite},
    {0x64, "Controller", Access::ConfigRead, Access::ConfigWrite},
    {0x67, "PCCC", Access::Read, Access::Write},
    {0x68, "Program", Access::ConfigRead, Access::ProgramDownload},
    {0x69, "Map", Access::ConfigRead, Access::ProgramDownload},
    {0x6b, "Symbol", Access::ConfigRead, Access::ProgramDownload},
    {0x6c, "Template", Access::ConfigRead, Access::ProgramDownload},
    {0x6d, "Routine", Access::ConfigRead, Access::ProgramDownload},
    {0x70, "Task", Access::ConfigRead, Access::ProgramDownload},
    {0x8b, "Wall Clock Time", Access::Read, Access::ConfigWrite},
    {0xa1, "Non-Volatile Storage", Access::ConfigRead, Access::Firmware},
    {0xac, "Program Audit", Access::ConfigRead, Access::ConfigWrite},
    {0xf4, "Port", Access::ConfigRead, Access::ConfigWrite},
    {0xf5, "TCP/IP Interface", Access::ConfigRead, Access::ConfigWrite},
    {0xf6, "Ethernet Link", Access::ConfigRead, Access::ConfigWrite},
};

const Class* find_class(std::uint32_t code) {
  const auto found = std::ranges::find(kClasses, code, &Class::code);
  return found == std::end(kClasses) ? nullptr : found;
}

Access of_class(Access access, std::uint32_t object_class) {
  const Class* one = find_class(object_class);
  if (one == nullptr) return access;
  if (access == Access::Read) return one->get;
  if (access == Access::Write || access == Access::ConfigWrite) return one->set;
  return access;
}

}  // namespace

Service service(std::uint8_t code, std::uint32_t object_class, bool tag) {
  if (code < 0x4b) {
    const Service* common = find(kCommon, code);
    if (common == nullptr) return {};
    return {common->name, of_class(common->access, object_class)};
  }
  const Service* special = nullptr;
  if (tag || object_class == 0x6b)
    special = find(kTags, code);
  else if (object_class == kConnectionManager)
    special = find(kConnections, code);
  else if (object_class == 0x37)
    special = find(kFiles, code);
  else if (object_class == kPccc && code == kExecutePccc)
    return {"Execute_PCCC", Access::None};
  else if (object_class == 0x6c && code == 0x4c)
    return {"Read_Template", Access::ConfigRead};
  else if (object_class == 0xa1)
    return {{}, Access::Firmware};
  return special != nullptr ? *special : Service{};
}

std::string_view class_name(std::uint32_t object_class) {
  const Class* one = find_class(object_class);
  return one == nullptr ? std::string_view() : one->name;
}

std::string_view status_name(std::uint8_t status) {
  static constexpr std::string_view kNames[] = {
      "success",
      "connection failure",
      "resource unavailable",
      "invalid parameter value",
      "path segment error",
      "path destination unknown",
      "partial transfer",
      "connection lost",
      "service not supported",
      "invalid attribute value",
      "attribute list error",
      "already in requested mode",
      "object state conflict",
      "object already exists",
      "attribute not settable",
      "privilege violation",
      "device state conflict",
      "reply data too large",
      "fragmentation of a primitive value",
      "not enough data",
      "attribute not supported",
      "too much data",
      "object does not exist",
      "service fragmentation sequence not in progress",
      "no stored attribute data",
      "store operation failure",
      "routing failure, request too large",
      "routing failure, response too large",
      "missing attribute list entry data",
      "invalid attribute value list",
      "embedded service error",
      "vendor specific error",
      "invalid parameter",
      "write-once value already written",
      "invalid reply received",
      "buffer overflow",
      "message format error",
      "key failure in path",
      "path size invalid",
      "unexpected attribute in list",
      "invalid member ID",
      "member not settable",
      "group 2 only server general failure",
      "unknown Modbus error",
      "attribute not gettable",
  };
  return status < std::size(kNames) ? kNames[status] : std::string_view();
}

Command command(std::uint16_t code) {
  switch (code) {
    case 0x0000:
      return {"NOP", Access::None};
    case 0x0001:
      return {"ListTargets", Access::Discovery};
    case 0x0004:
      return {"ListServices", Access::Discovery};
    case 0x0063:
      return {"ListIdentity", Access::Discovery};
    case 0x0064:
      return {"ListInterfaces", Access::Discovery};
    case 0x0065:
      return {"RegisterSession", Access::Session};
    case 0x0066:
      return {"UnRegisterSession", Access::Session};
    case 0x006f:
      return {"SendRRData", Access::None};
    case 0x0070:
      return {"SendUnitData", Access::None};
    case 0x0072:
      return {"IndicateStatus", Access::Diagnostics};
    case 0x0073:
      return {"Cancel", Access::None};
    case 0x00c8:
      return {"StartDTLS", Access::Session};
    default:
      return {};
  }
}

std::string_view encapsulation_status(std::uint32_t status) {
  switch (status) {
    case 0x00:
      return "success";
    case 0x01:
      return "unsupported command";
    case 0x02:
      return "insufficient memory";
    case 0x03:
      return "incorrect data";
    case 0x64:
      return "invalid session handle";
    case 0x65:
      return "invalid length";
    case 0x69:
      return "unsupported protocol revision";
    case 0x6a:
      return "encapsulated CIP service not allowed on this port";
    default:
      return {};
  }
}

std::string_view vendor_name(std::uint16_t id) {
  switch (id) {
    case 1:
      return "Rockwell Automation";
    case 40:
      return "WAGO";
    case 44:
      return "Yaskawa";
    case 47:
      return "Omron";
    case 90:
      return "HMS Industrial Networks";
    case 108:
      return "Beckhoff";
    case 161:
      return "Mitsubishi Electric";
    case 243:
      return "Schneider Electric";
    case 283:
      return "Hilscher";
    default:
      return {};
  }
}

std::string_view device_type(std::uint16_t type) {
  switch (type) {
    case 0x02:
      return "drive";
    case 0x03:
      return "motor overload";
    case 0x04:
      return "limit switch";
    case 0x05:
      return "inductive proximity switch";
    case 0x06:
      return "photoelectric sensor";
    case 0x07:
      return "I/O";
    case 0x09:
      return "resolver";
    case 0x0c:
      return "communications adapter";
    case 0x0e:
      return "PLC";
    case 0x10:
      return "position controller";
    case 0x13:
      return "drive";
    case 0x15:
      return "contactor";
    case 0x16:
      return "motor starter";
    case 0x17:
      return "soft start";
    case 0x18:
      return "HMI";
    case 0x1a:
      return "mass flow controller";
    case 0x1b:
      return "pneumatic valve";
    case 0x1c:
      return "vacuum pressure gauge";
    case 0x1d:
      return "process control value";
    case 0x22:
      return "encoder";
    case 0x23:
      return "safety I/O";
    case 0x24:
      return "fluid flow controller";
    case 0x25:
      return "drive";
    case 0x2b:
      return "generic device";
    case 0x2c:
      return "switch";
    default:
      return {};
  }
}

}  // namespace dissect::enip
