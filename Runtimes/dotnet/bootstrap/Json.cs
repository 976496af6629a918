using System.Globalization;
using System.Text;

namespace Apus
{
    /// <summary>JSON for errors and log records; System.Text.Json would cost 20 ms at the first of them.</summary>
    internal static class Json
    {
        /// <summary>A text in quotes.</summary>
        public static StringBuilder AppendJson(this StringBuilder builder, string text)
        {
            builder.Append('"');
            foreach (var unit in text)
            {
                switch (unit)
                {
                    case '"': builder.Append("\\\""); break;
                    case '\\': builder.Append("\\\\"); break;
                    case '\n': builder.Append("\\n"); break;
                    case '\r': builder.Append("\\r"); break;
                    case '\t': builder.Append("\\t"); break;
                    default:
                        if (unit < ' ' || unit == '\x7f') builder.AppendEscape(unit);
                        else builder.Append(unit);
                        break;
                }
            }
            return builder.Append('"');
        }

        public static StringBuilder AppendEscape(this StringBuilder builder, char unit) =>
            builder.Append("\\u").Append(((int)unit).ToString("x4", CultureInfo.InvariantCulture));

        /// <summary>A member, with a comma unless it is the first; nothing for null.</summary>
        public static StringBuilder AppendMember(this StringBuilder builder, string name, string value)
        {
            if (value == null) return builder;
            return builder.AppendName(name).AppendJson(value);
        }

        public static StringBuilder AppendName(this StringBuilder builder, string name)
        {
            if (builder[builder.Length - 1] != '{') builder.Append(',');
            return builder.AppendJson(name).Append(':');
        }
    }
}
