#include "dissect/all/list.h"

#include <algorithm>
#include <vector>

#include "dissect/ads/ads.h"
#include "dissect/amqp/amqp.h"
#include "dissect/arp/arp.h"
#include "dissect/bacnet/bacnet.h"
#include "dissect/coap/coap.h"
#include "dissect/codesys/codesys.h"
#include "dissect/dcerpc/dcerpc.h"
#include "dissect/described/described.h"
#include "dissect/dhcp/dhcp.h"
#include "dissect/dnp3/dnp3.h"
#include "dissect/dns/dns.h"
#include "dissect/enip/enip.h"
#include "dissect/ethercat/ethercat.h"
#include "dissect/fins/fins.h"
#include "dissect/fox/fox.h"
#include "dissect/ftp/ftp.h"
#include "dissect/goose/goose.h"
#include "dissect/hartip/hartip.h"
#include "dissect/http/http.h"
#include "dissect/icmp/icmp.h"
#include "dissect/iec104/iec104.h"
#include "dissect/kerberos/kerberos.h"
#include "dissect/knx/knx.h"
#include "dissect/ldap/ldap.h"
#include "dissect/melsec/melsec.h"
#include "dissect/mms/mms.h"
#include "dissect/modbus/modbus.h"
#include "dissect/mqtt/mqtt.h"
#include "dissect/neighbors/neighbors.h"
#include "dissect/ntp/ntp.h"
#include "dissect/opcua/opcua.h"
#include "dissect/pniocm/pniocm.h"
#include "dissect/profinet/profinet.h"
#include "dissect/ptp/ptp.h"
#include "dissect/rdp/rdp.h"
#include "dissect/s7comm/s7comm.h"
#include "dissect/s7commplus/s7commplus.h"
#include "dissect/sip/sip.h"
#include "dissect/smb/smb.h"
#include "dissect/snmp/snmp.h"
#include "dissect/ssh/ssh.h"
#include "dissect/sv/sv.h"
#include "dissect/synchrophasor/synchrophasor.h"
#include "dissect/syslog/syslog.h"
#include "dissect/tds/tds.h"
#include "dissect/telnet/telnet.h"
#include "dissect/tftp/tftp.h"
#include "dissect/tls/tls.h"
#include "dissect/vnc/vnc.h"
#include "dissect/zigbee/zigbee.h"

namespace dissect::all {

std::span<const Protocol* const> protocols() {
  // One a line, so that additions of several people stay apart.
  // clang-format off
  static const std::vector<const Protocol*> written = {
      &ads::kProtocol,
      &hartip::kProtocol,
      &synchrophasor::kProtocol,
      &s7commplus::kProtocol,
      &melsec::kProtocol,
      &ethercat::kProtocol,
      &knx::kProtocol,
      &codesys::kProtocol,
      &fins::kProtocol,
      &fox::kProtocol,
      &mms::kProtocol,
      &opcua::kProtocol,
      &sv::kProtocol,
      &goose::kProtocol,
      &enip::kProtocol,
      &s7comm::kProtocol,
      &modbus::kProtocol,
      &arp::kProtocol,
      &dhcp::kProtocol,
      &dhcp::kProtocol6,
      &dnp3::kProtocol,
      &iec104::kProtocol,
      &dns::kProtocol,
      &dns::kMdns,
      &dns::kLlmnr,
      &dns::kNbns,
      &neighbors::kLldp,
      &neighbors::kCdp,
      &neighbors::kStp,
      &icmp::kProtocol,
      &icmp::kProtocol6,
      &bacnet::kProtocol,
      &http::kProtocol,
      &http::kSsdp,
      &pniocm::kProtocol,
      &profinet::kProtocol,
      &tls::kProtocol,
      &ssh::kProtocol,
      &ntp::kProtocol,
      &snmp::kProtocol,
      &ldap::kProtocol,
      &kerberos::kProtocol,
      &dcerpc::kProtocol,
      &mqtt::kProtocol,
      &ftp::kProtocol,
      &telnet::kProtocol,
      &tftp::kProtocol,
      &syslog::kProtocol,
      &sip::kProtocol,
      &sip::kRtsp,
      &ptp::kProtocol,
      &coap::kProtocol,
      &zigbee::kProtocol,
      &smb::kProtocol,
      &vnc::kProtocol,
      &tds::kProtocol,
      &rdp::kProtocol,
      &amqp::kProtocol,
  };
  // clang-format on
  // Those that are data come last: code is stricter.
  static const std::vector<const Protocol*> all = [] {
    std::vector<const Protocol*> both = written;
    both.insert(both.end(), described::builtin().begin(), described::builtin().end());
    return both;
  }();
  return all;
}

const Protocol* find(std::string_view name) {
  const auto all = protocols();
  const auto found =
      std::ranges::find_if(all, [name](const Protocol* one) { return one->name == name; });
  return found == all.end() ? nullptr : *found;
}

}  // namespace dissect::all
