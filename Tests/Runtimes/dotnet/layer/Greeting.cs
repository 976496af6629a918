public static class Greeting
{
    public static string Text => "from the layer";
}
