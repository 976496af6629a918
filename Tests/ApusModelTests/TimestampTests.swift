import ApusModel
import Testing

struct TimestampTests {
    struct Known: Sendable {
        var seconds: Int64
        var iso: String
        var http: String
    }

    static let known = [
        Known(seconds: 0, iso: "1970-01-01T00:00:00Z", http: "Thu, 01 Jan 1970 00:00:00 GMT"),
        Known(seconds: 951_782_400, iso: "2000-02-29T00:00:00Z", http: "Tue, 29 Feb 2000 00:00:00 GMT"),
        Known(seconds: 951_868_799, iso: "2000-02-29T23:59:59Z", http: "Tue, 29 Feb 2000 23:59:59 GMT"),
        Known(seconds: 1_709_164_800, iso: "2024-02-29T00:00:00Z", http: "Thu, 29 Feb 2024 00:00:00 GMT"),
        Known(seconds: 1_795_508_130, iso: "2026-11-24T08:15:30Z", http: "Tue, 24 Nov 2026 08:15:30 GMT"),
        Known(seconds: 4_107_542_400, iso: "2100-03-01T00:00:00Z", http: "Mon, 01 Mar 2100 00:00:00 GMT"),
        Known(seconds: 4_107_542_399, iso: "2100-02-28T23:59:59Z", http: "Sun, 28 Feb 2100 23:59:59 GMT"),
        Known(seconds: -1, iso: "1969-12-31T23:59:59Z", http: "Wed, 31 Dec 1969 23:59:59 GMT"),
        Known(seconds: -2_203_891_200, iso: "1900-03-01T00:00:00Z", http: "Thu, 01 Mar 1900 00:00:00 GMT"),
        Known(seconds: -86_400, iso: "1969-12-31T00:00:00Z", http: "Wed, 31 Dec 1969 00:00:00 GMT"),
    ]

    @Test(arguments: known)
    func knownMomentsAreSpeltAsTheCalendarHasThem(_ known: Known) {
        let civil = Timestamp(seconds: known.seconds).civil
        #expect(civil.iso8601Seconds == known.iso)
        #expect(civil.httpDate == known.http)
    }

    @Test(arguments: known)
    func aDateNamesItsMoment(_ known: Known) {
        let civil = Timestamp(seconds: known.seconds).civil
        let time = CivilTime.timestamp(
            year: civil.year, month: civil.month, day: civil.day, hour: civil.hour, minute: civil.minute,
            second: civil.second)
        #expect(time == Timestamp(seconds: known.seconds))
    }

    @Test func everySpellingOfOneMoment() {
        let civil = Timestamp(milliseconds: 1_795_508_130_007).civil
        #expect(civil.lambdaText == "2026-11-24T08:15:30.007+0000")
        #expect(civil.iso8601 == "2026-11-24T08:15:30.007Z")
        #expect(civil.iso8601Seconds == "2026-11-24T08:15:30Z")
        #expect(civil.amzDate == "20261124T081530Z")
        #expect(civil.amzDay == "20261124")
        #expect(civil.logStreamDay == "2026/11/24")
        #expect(civil.httpDate == "Tue, 24 Nov 2026 08:15:30 GMT")
        #expect(civil.weekday == 2)
    }

    @Test func eachDayOfFourCenturiesFollowsTheOneBefore() {
        var expected = (year: 1800, month: 1, day: 1)
        let lengths = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]
        var seconds = CivilTime.timestamp(year: 1800, month: 1, day: 1)!.seconds
        var weekday = Timestamp(seconds: seconds).civil.weekday
        while expected.year < 2200 {
            let civil = Timestamp(seconds: seconds).civil
            guard civil.year == expected.year, civil.month == expected.month, civil.day == expected.day,
                civil.weekday == weekday
            else {
                Issue.record("\(civil) is not \(expected)")
                return
            }
            seconds += 86_400
            weekday = (weekday + 1) % 7
            let isLeap = expected.year % 4 == 0 && (expected.year % 100 != 0 || expected.year % 400 == 0)
            let length = lengths[expected.month - 1] + (expected.month == 2 && isLeap ? 1 : 0)
            expected.day += 1
            if expected.day > length { (expected.month, expected.day) = (expected.month + 1, 1) }
            if expected.month > 12 { (expected.year, expected.month) = (expected.year + 1, 1) }
        }
    }

    @Test func partsOfASecondBeforeTheEpochCountForward() {
        let civil = Timestamp(nanoseconds: -1_000_000).civil
        #expect(civil.iso8601 == "1969-12-31T23:59:59.999Z")
    }

    @Test(arguments: known.filter { $0.seconds >= 0 })
    func signingDatesGoThereAndBack(_ known: Known) {
        let time = Timestamp(seconds: known.seconds)
        #expect(CivilTime.timestamp(amzDate: time.civil.amzDate) == time)
    }

    @Test(arguments: [
        "", "20261124T081530", "2026-11-24T08:15:30Z", "20261124 081530Z", "20261124t081530Z", "20261324T081530Z",
        "20260024T081530Z", "20261100T081530Z", "20261132T081530Z", "20260230T081530Z", "20260229T081530Z",
        "20260431T000000Z", "21000229T000000Z", "20261124T241530Z", "20261124T086030Z", "20261124T081561Z",
        "2026112+T081530Z", "00001124T081530Z", "20261124T081530Zx", "2026112４T08153Z",
    ])
    func textsThatAreNoSigningDatesAreRefused(_ text: String) {
        #expect(CivilTime.timestamp(amzDate: text) == nil)
    }

    @Test func aLeapDayIsADateInLeapYearsOnly() {
        #expect(CivilTime.timestamp(year: 2024, month: 2, day: 29) != nil)
        #expect(CivilTime.timestamp(year: 2000, month: 2, day: 29) != nil)
        #expect(CivilTime.timestamp(year: 1900, month: 2, day: 29) == nil)
        #expect(CivilTime.timestamp(year: 2023, month: 2, day: 29) == nil)
    }

    @Test func spansAreAddedAndMeasured() {
        let time = Timestamp(milliseconds: 1500)
        #expect(time + .milliseconds(-1501) == Timestamp(milliseconds: -1))
        #expect(Timestamp(seconds: 2) - time == .milliseconds(500))
        #expect(time < time + .nanoseconds(1))
        #expect(Duration.milliseconds(1500).wholeNanoseconds == 1_500_000_000)
        #expect((time.milliseconds, time.seconds) == (1500, 1))
    }

    @Test(arguments: [Int64.max, 9_999_999_999_999, 9_223_372_036_855])
    func millisecondsBeyondTheYear2262StandForTheLastMoment(_ milliseconds: Int64) {
        #expect(Timestamp(milliseconds: milliseconds) == Timestamp(nanoseconds: .max))
        #expect(Timestamp(milliseconds: -milliseconds) == Timestamp(nanoseconds: .min))
        #expect(Timestamp(seconds: milliseconds) == Timestamp(nanoseconds: .max))
    }
}
