using System;
using System.Collections;
using System.Collections.Generic;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Apus
{
    /// <summary>
    /// A message with placeholders: <c>{count}</c>, <c>{price:F2}</c>, <c>{@order}</c> as JSON, <c>{0}</c> by position; <c>{{</c> is a brace.
    /// </summary>
    internal sealed class MessageTemplate
    {
        private struct Placeholder
        {
            public string Name, Format;
            public bool IsJson;
            public object Value;
        }

        private readonly List<Placeholder> placeholders = new List<Placeholder>();

        /// <summary>With the values in their places.</summary>
        public string Text { get; private set; }

        public static MessageTemplate Parse(string template, object[] arguments)
        {
            var message = new MessageTemplate { Text = template };
            if (arguments == null || arguments.Length == 0) return message;
            var builder = new StringBuilder();
            for (var index = 0; index < template.Length; index++)
            {
                var unit = template[index];
                var isDouble = index + 1 < template.Length && template[index + 1] == unit;
                var end = unit == '{' && !isDouble ? template.IndexOf('}', index) : -1;
                if (end > index + 1)
                {
                    message.Take(template.Substring(index + 1, end - index - 1), arguments, builder);
                    index = end;
                    continue;
                }
                builder.Append(unit);
                if (isDouble && (unit == '{' || unit == '}')) index++;
            }
            message.Text = builder.ToString();
            return message;
        }

        /// <summary>The values as members of a record; those that are null are left out.</summary>
        public void AppendMembers(StringBuilder builder)
        {
            foreach (var placeholder in placeholders)
                if (placeholder.Value != null) AppendValue(builder.AppendName(placeholder.Name), placeholder.Value, placeholder);
        }

        private void Take(string inside, object[] arguments, StringBuilder builder)
        {
            var colon = inside.IndexOf(':');
            var name = colon < 0 ? inside : inside.Substring(0, colon);
            var placeholder = new Placeholder {
                Name = name.TrimStart('@'), IsJson = name.StartsWith("@", StringComparison.Ordinal),
                Format = colon < 0 ? null : inside.Substring(colon + 1),
            };
            if (!int.TryParse(placeholder.Name, NumberStyles.None, CultureInfo.InvariantCulture, out var position)) position = placeholders.Count;
            if (position >= arguments.Length)
            {
                builder.Append('{').Append(inside).Append('}');
                return;
            }
            placeholder.Value = arguments[position];
            placeholders.Add(placeholder);
            builder.Append(placeholder.IsJson ? JsonSerializer.Serialize(placeholder.Value) : Shown(placeholder.Value, placeholder.Format));
        }

        private static string Shown(object value, string format)
        {
            if (value == null) return "null";
            if (format == null && (value is DateTime || value is DateTimeOffset)) format = "yyyy-MM-ddTHH:mm:ss.fffZ";
            return value is IFormattable formattable ? formattable.ToString(format, CultureInfo.InvariantCulture) : value.ToString();
        }

        private static void AppendValue(StringBuilder builder, object value, Placeholder placeholder)
        {
            if (value == null) builder.Append("null");
            else if (placeholder.IsJson) builder.Append(JsonSerializer.Serialize(value));
            else if (placeholder.Format != null) builder.AppendJson(Shown(value, placeholder.Format));
            else if (value is bool truth) builder.Append(truth ? "true" : "false");
            else if (IsNumber(value)) builder.Append(Shown(value, null));
            else if (value is IDictionary map) AppendMap(builder, map, placeholder);
            else if (value is IList list) AppendList(builder, list, placeholder);
            else builder.AppendJson(Shown(value, null));
        }

        private static void AppendMap(StringBuilder builder, IDictionary map, Placeholder placeholder)
        {
            builder.Append('{');
            foreach (DictionaryEntry entry in map) AppendValue(builder.AppendName(entry.Key.ToString()), entry.Value, placeholder);
            builder.Append('}');
        }

        private static void AppendList(StringBuilder builder, IList list, Placeholder placeholder)
        {
            builder.Append('[');
            for (var index = 0; index < list.Count; index++) AppendValue(index > 0 ? builder.Append(',') : builder, list[index], placeholder);
            builder.Append(']');
        }

        /// <summary>What JSON has a number for: not infinity.</summary>
        private static bool IsNumber(object value)
        {
            if (value is double real) return !double.IsNaN(real) && !double.IsInfinity(real);
            if (value is float single) return !float.IsNaN(single) && !float.IsInfinity(single);
            var type = Type.GetTypeCode(value.GetType());
            return !(value is Enum) && type >= TypeCode.SByte && type <= TypeCode.Decimal;
        }
    }
}
